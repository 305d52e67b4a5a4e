import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type FusedName, fused, fusedKernels, registeredName } from '../../src/backend/fused.ts'
import { availableBackends, useBackend } from '../../src/backend/index.ts'
import type { BackendName } from '../../src/backend/names.ts'
import { gatedGelu } from '../../src/models/ops/activations.ts'
import { affine, convolution } from '../../src/models/ops/affine.ts'
import { attention } from '../../src/models/ops/attention.ts'
import { depthwiseConv2dSame, modulatedSeparable } from '../../src/models/ops/depthwise.ts'
import { haar, inverseHaar } from '../../src/models/ops/haar.ts'
import { groupNorm, groupNormSilu, layerNorm } from '../../src/models/ops/normalization.ts'
import { halfPixelBilinear, pillowBicubic, resample } from '../../src/models/ops/resample.ts'
import { bilinear } from '../../src/models/recognizers/recognizer.ts'
import { adamWStep, average } from '../../src/train/adamw.ts'

/** Of the backends that may have fused kernels, those that are usable here and do. */
const compiled: BackendName[] = []
for (const { name, usable } of await availableBackends()) {
  if (!usable || !(name === 'tensorflow' || name === 'wasm')) continue
  await useBackend(name)
  if (fused('GroupNorm')) compiled.push(name)
}
if (!compiled.includes('tensorflow')) console.log('The fused kernels are not compiled here: npm run native')

const values = (shape: number[], seed: number, mean = 0) => tf.randomNormal(shape, mean, 1, 'float32', seed)

/** What `f` gives with our kernels, and what it gives of tfjs's own operations. */
function both(f: () => tf.Tensor[]): [number[][], number[][]] {
  const run = () => tf.tidy(() => f().map(x => [...x.dataSync()]))
  const called = spyOnKernels()
  const ours = run()
  expect(called()).toBeGreaterThan(0)
  const kernels = (Object.keys(fusedKernels) as FusedName[]).map(name =>
    tf.getKernel(registeredName(name), tf.getBackend()),
  )
  for (const { kernelName } of kernels) tf.unregisterKernel(kernelName, tf.getBackend())
  const theirs = run()
  kernels.forEach(tf.registerKernel)
  return [ours, theirs]
}

/** Counts the fused kernels that are called from now on. */
function spyOnKernels(): () => number {
  const spy = vi.spyOn(tf.engine(), 'runKernel')
  return () => {
    const fusedCalls = spy.mock.calls.filter(([name]) => name.startsWith('DiffPrivacy')).length
    spy.mockRestore()
    return fusedCalls
  }
}

/** Largest difference of any value, relative to the largest value of its tensor. */
function difference([ours, theirs]: [number[][], number[][]]): number {
  expect(ours.map(x => x.length)).toEqual(theirs.map(x => x.length))
  const largest = (values: number[]) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return Math.max(
    ...theirs.map((wanted, k) => largest(wanted.map((value, i) => ours[k]![i]! - value)) / largest(wanted)),
  )
}

/** Value and gradients of `f` under a random cotangent. */
function withGradients(f: (...inputs: tf.Tensor[]) => tf.Tensor, ...inputs: tf.Tensor[]): tf.Tensor[] {
  const { value, grads } = tf.valueAndGrads(f)(inputs, values(f(...inputs).shape, 9))
  return [value, ...grads]
}

it('are there on the wasm backend', () => expect(compiled).toContain('wasm'))

describe.each(compiled)('fused kernels of %s compute what the pieces do', backend => {
  let tensors = 0
  beforeAll(async () => {
    await useBackend(backend)
    tensors = tf.memory().numTensors
  })
  beforeEach(() => tf.engine().startScope())
  afterEach(() => {
    tf.engine().endScope()
    expect(tf.memory().numTensors).toBe(tensors)
  })

  // Sizes: one image and more than cores, channels that are no multiple of a vector, work enough for several cores.
  it.each([
    [[1, 5, 3, 12], 4],
    [[3, 4, 4, 6], 3],
    [[2, 24, 24, 64], 32],
  ])('group normalisation of %j in %i groups', (shape, groups) => {
    const c = shape.at(-1)!
    for (const op of [groupNorm, groupNormSilu]) {
      const result = both(() =>
        withGradients(
          (x, w, b) => op(x as tf.Tensor4D, w as tf.Tensor1D, b as tf.Tensor1D, groups, 1e-5),
          ...[values(shape, 1, 3), values([c], 2), values([c], 3)],
        ),
      )
      expect(difference(result)).toBeLessThan(1e-5)
    }
  })

  it.each([[[3, 5]], [[2, 7, 48]], [[600, 160]]])('layer normalisation of %j', shape => {
    const c = shape.at(-1)!
    const inputs = () => [values(shape, 1, 3), values([c], 2), values([c], 3)]
    const result = both(() => withGradients((x, w, b) => layerNorm(x!, w!, b!, 1e-5), ...inputs()))
    expect(difference(result)).toBeLessThan(1e-5)
  })

  it.each([[[3, 10]], [[2, 300, 128]]])('the gate of GEGLU on %j', shape => {
    const result = both(() => withGradients(x => gatedGelu(x!), tf.mul(values(shape, 1), 3)))
    expect(difference(result)).toBeLessThan(1e-6)
  })

  // Sizes: channels that are no multiple of a vector, images of one pixel, strides, filters wider than high, several cores.
  it.each([
    [[1, 5, 4, 3], [3, 3, 3, 16], 1, 'same'],
    [[2, 1, 1, 16], [3, 3, 16, 32], 1, 'same'],
    [[2, 7, 6, 5], [3, 3, 5, 19], 1, 'same'],
    [[3, 8, 9, 20], [3, 3, 20, 48], 2, 'valid'],
    [[1, 23, 22, 3], [7, 7, 3, 32], 2, 'valid'],
    [[1, 6, 9, 24], [1, 7, 24, 80], 1, 'same'],
    [[2, 5, 5, 8], [1, 1, 8, 16], 2, 'valid'],
    [[4, 16, 16, 64], [3, 3, 64, 64], 1, 'same'],
  ] as const)('convolution of %j by %j, stride %i, %s', (shape, filterShape, stride, padding) => {
    const outputs = filterShape[3]
    const inputs = [values([...shape], 1), values([...filterShape], 2), values([outputs], 3)]
    const of = (x: tf.Tensor, filter: tf.Tensor, bias?: tf.Tensor, ending = {}) =>
      convolution(x as tf.Tensor4D, filter as tf.Tensor4D, { bias: bias as tf.Tensor1D, stride, padding, ...ending })
    const plain = of(inputs[0]!, inputs[1]!)
    const addends = [values(plain.shape, 4), values([shape[0], outputs], 5)]
    const results = [
      both(() => withGradients((x, filter) => of(x!, filter!), inputs[0]!, inputs[1]!)),
      both(() => withGradients((x, filter, bias) => of(x!, filter!, bias, { relu: true }), ...inputs)),
      ...[true, false].flatMap(relu =>
        addends.map(addend =>
          both(() =>
            withGradients((x, filter, bias, addend) => of(x!, filter!, bias, { addend, relu }), ...inputs, addend),
          ),
        ),
      ),
    ]
    for (const result of results) expect(difference(result)).toBeLessThan(1e-5)
  })

  it.each([
    [[1, 16], 16],
    [[5, 7], 9],
    [[2, 3, 3, 40], 70],
    [[300, 64], 128],
  ] as [number[], number][])('the product of %j to %i', (shape, outputs) => {
    const inner = shape.at(-1)!
    for (const transposed of [false, true]) {
      const weight = values(transposed ? [outputs, inner] : [inner, outputs], 2)
      const addend = values([...shape.slice(0, -1), outputs], 4)
      const inputs = [values(shape, 1), weight, values([outputs], 3), addend]
      const results = [
        both(() => withGradients((x, w) => affine(x!, w as tf.Tensor2D, { transposed }), ...inputs.slice(0, 2))),
        both(() =>
          withGradients((x, w, bias, addend) => affine(x!, w as tf.Tensor2D, { bias, transposed, addend }), ...inputs),
        ),
      ]
      for (const result of results) expect(difference(result)).toBeLessThan(1e-5)
    }
  })

  const [filter, weight] = [() => values([3, 3, 64, 64], 2) as tf.Tensor4D, () => values([256, 256], 2) as tf.Tensor2D]
  type Op = (x: tf.Tensor, addend: tf.Tensor) => tf.Tensor
  it.runIf(backend === 'tensorflow').each([
    [
      'convolution and its input gradient are',
      ['Convolution', 'ConvolutionGradient'],
      [8, 16, 16, 64],
      (x, addend) => convolution(x as tf.Tensor4D, filter(), { addend, relu: true }),
    ],
    ['product is', ['Affine'], [8, 80, 256], (x, addend) => affine(x, weight(), { addend })],
  ] as [string, FusedName[], number[], Op][])(
    'a %s the library’s when large, with the same numbers',
    async (_, names, shape, op) => {
      /** Value and gradients of its sum of squares, of which an image's are its own. */
      const f = (x: tf.Tensor) => {
        const inputs = [x, tf.sin(x)] as const
        return [op(...inputs), ...tf.grads((x, addend) => tf.sum(tf.square(op(x!, addend!))))([...inputs])]
      }
      const kernels = async (x: tf.Tensor) => (await tf.profile(() => f(x))).kernels.map(({ name }) => name)
      const batch = values(shape, 1)
      const images = tf.split(batch, shape[0]!)
      for (const name of names.map(registeredName)) {
        expect(await kernels(images[0]!)).toContain(name)
        expect(await kernels(batch)).not.toContain(name)
      }
      const parts = images.map(f)
      const joined = f(batch).map((whole, k) => [whole, tf.concat(parts.map(part => part[k]!))])
      const [theirs, ours] = [0, 1].map(side => joined.map(pair => [...pair[side]!.dataSync()]))
      expect(difference([ours!, theirs!])).toBeLessThan(1e-5)
    },
  )

  // Queries fewer and more than are held at once; keys and widths that are and are no multiple of a vector.
  it.each([
    [1, 5, 3, 2, 10],
    [3, 16, 4, 4, 48],
    [2, 70, 33, 1, 40],
    [2, 64, 64, 4, 32],
  ])('attention of %i samples, %i queries, %i keys, %i heads of %i', (n, t, s, heads, d) => {
    const inputs = [values([n * t, heads * d], 1), values([n * s, heads * d], 2), values([n * s, heads * d], 3)]
    const result = both(() => withGradients((q, k, v) => attention(q!, k!, v!, heads, { samples: n }), ...inputs))
    expect(difference(result)).toBeLessThan(1e-5)
  })

  // With equal values in a window, as a relu leaves them.
  it.each([
    [[2, 9, 8, 20], 3, 2],
    [[1, 6, 6, 3], 2, 2],
    [[3, 7, 7, 16], 3, 1],
  ] as const)('the gradient of the maxima of %j in windows of %i, stride %i', (shape, side, stride) => {
    const pool = (x: tf.Tensor) => tf.maxPool(tf.relu(x) as tf.Tensor4D, side, stride, 'valid')
    const x = values([...shape], 1)
    expect(difference(both(() => withGradients(x => pool(x!), x)))).toBeLessThan(1e-6)
  })

  it.each([
    [[1, 9, 7, 3], bilinear(9, 0.1, 1.2, 5), bilinear(7, -0.3, 0.8, 12)],
    [[3, 64, 64, 3], bilinear(64, 0, 1, 150), bilinear(64, 0, 1, 30)],
    [[2, 4, 5, 16], halfPixelBilinear(4, 9), pillowBicubic(5, 5)],
  ] as const)('resampling of %j', (shape, rows, columns) => {
    const result = both(() => withGradients(x => resample(x as tf.Tensor4D, rows, columns), values([...shape], 1)))
    expect(difference(result)).toBeLessThan(1e-6)
  })

  it.each([[[1, 3, 5, 4]], [[2, 1, 1, 12]], [[3, 24, 20, 76]]] as [number[]][])(
    'the inverse Haar transform of %j, scaled and not, and the transform back',
    shape => {
      const [x, scale] = [values(shape, 1), values([shape[0]!, shape[3]!], 2, 1)]
      const back = (y: tf.Tensor) => haar(tf.mul(tf.sin(y), 2) as tf.Tensor4D)
      const results = [
        both(() => withGradients((x, scale) => inverseHaar(x as tf.Tensor4D, scale as tf.Tensor2D), x, scale)),
        both(() => withGradients(x => back(inverseHaar(x as tf.Tensor4D)), x)),
      ]
      for (const result of results) expect(difference(result)).toBeLessThan(1e-6)
    },
  )

  it.each([[[1, 1, 1, 5]], [[3, 4, 7, 19]], [[2, 30, 33, 48]]] as [[number, number, number, number]][])(
    'a depthwise convolution of %j',
    shape => {
      const filter = values([3, 3, shape[3], 1], 2) as tf.Tensor4D
      const bias = values([shape[3]], 3)
      for (const options of [{}, { stride: 2 }, { bias, relu: true }, { stride: 2, bias, relu: true }]) {
        const convolve = (x: tf.Tensor) => depthwiseConv2dSame(x as tf.Tensor4D, filter, options)
        const result = both(() => withGradients(convolve, values(shape, 1)))
        expect(difference(result)).toBeLessThan(1e-5)
      }
    },
  )

  // Sizes: one pixel, widths and channels that are no multiple of a vector or of a tile, rows shorter and longer than what is
  // multiplied at once, work enough for several cores, fewer images than cores and more.
  it.each([
    [[1, 1, 1, 5], 3],
    [[2, 3, 4, 7], 19],
    [[1, 5, 1, 16], 16],
    [[3, 9, 7, 36], 70],
    [[1, 5, 150, 24], 33],
    [[2, 32, 32, 64], 128],
    [[1, 33, 31, 80], 48],
  ] as [[number, number, number, number], number][])(
    'a modulated separable convolution of %j to %i',
    (shape, outputs) => {
      const [n, h, w, c] = shape
      const weights = {
        depthwise: values([3, 3, c, 1], 3) as tf.Tensor4D,
        pointwise: values([c, outputs], 4) as tf.Tensor2D,
        noise: values([1, h, w, 1], 5) as tf.Tensor4D,
        bias: values([outputs], 6),
      }
      const result = both(() =>
        withGradients(
          (x, scale) => modulatedSeparable(x as tf.Tensor4D, scale as tf.Tensor2D, weights),
          ...[values(shape, 1), values([n, c], 2, 1)],
        ),
      )
      expect(difference(result)).toBeLessThan(1e-5)
    },
  )

  it('AdamW and the moving average', () => {
    const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 }
    const vector = (seed: number) => values([50_000], seed) as tf.Tensor1D
    const result = both(() => {
      const state = { step: 4, first: vector(3), second: tf.add(tf.square(vector(4)), 0.1) as tf.Tensor1D }
      const mask = tf.cast(tf.greater(vector(5), 0), 'float32') as tf.Tensor1D
      const stepped = adamWStep(vector(1), vector(2), state, { ...options, learningRate: 0.01, decayMask: mask })
      const { first, second } = stepped.state
      return [stepped.weights, first, second, stepped.gradientNorm, average(vector(6), stepped.weights, 0.99, 1000)]
    })
    expect(difference(result)).toBeLessThan(1e-5)
  })

  it('end in an error, not in a crash, where a bias or an addend does not fit or memory does not suffice', () => {
    const [x, filter, weight] = [tf.ones([2, 4, 4, 16]), tf.ones([3, 3, 16, 16]), tf.ones([16, 16])]
    const [few, geometry] = [tf.ones([3]), { stride: 1, same: true, relu: false }]
    const convolved = (bias: boolean) => () =>
      fused('Convolution')!({ x, filter, bias: few, addend: few }, { ...geometry, biased: bias, added: !bias })
    expect(convolved(true)).toThrow(/expected a bias of 16 values, found 3/)
    expect(convolved(false)).toThrow(/expected an addend of 512 values, found 3/)
    expect(() =>
      fused('Affine')!({ x, weight, bias: x, addend: few }, { transposed: false, biased: false, added: true }),
    ).toThrow(/expected an addend of 512 values, found 3/)
    const side = 2 ** 20
    expect(() =>
      fused('ConvolutionGradient')!({ dy: x, filter, y: x }, { ...geometry, height: side, width: side }),
    ).toThrow(/OOM when allocating/)
  })

  it('leave what is not a number as it is', () => {
    const x = tf.tidy(() => tf.concat([tf.fill([1, 1], Number.NaN), tf.ones([1, 7])], 1))
    const results = tf.tidy(() => [
      layerNorm(x, tf.ones([8]), tf.zeros([8]), 1e-5),
      groupNormSilu(tf.reshape(x, [1, 1, 1, 8]), tf.ones([8]), tf.zeros([8]), 1, 1e-5),
    ])
    for (const y of results) expect([...y.dataSync()].every(Number.isNaN)).toBe(true)
  })
})
