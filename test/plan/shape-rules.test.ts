/** Every rule against tfjs's own cpu backend: the same program gives the same shapes, types and live bytes. */
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { replacedByBf16 } from '../../src/backend/bf16.ts'
import { type FusedName, fused, fusedKernels, registeredName } from '../../src/backend/fused.ts'
import { hasFusedKernels, useBackend } from '../../src/backend/index.ts'
import { countedRun } from '../../src/plan/shape-backend.ts'
import { rules } from '../../src/plan/shape-rules.ts'

const x = () => tf.ones([2, 3, 4]) as tf.Tensor3D
const row = () => tf.ones([4])
/** Higher than wide, but where tfjs's own cpu backend mixes up the two: in gradients of resizes. */
const image = (height = 5, width = 6, channels = 3) => tf.ones([2, height, width, channels]) as tf.Tensor4D
const filter = (height = 3, width = 3, inputs = 3, outputs = 4) =>
  tf.ones([height, width, inputs, outputs]) as tf.Tensor4D
const integers = () => tf.tensor1d([1, 0, 2], 'int32')
const truths = () => tf.greater(x(), 0)
const gradientOf = (f: (x: tf.Tensor) => tf.Tensor, at: () => tf.Tensor) => () => tf.grad(f)(at())

const unary = [
  tf.abs, tf.acos, tf.asin, tf.atan, tf.ceil, tf.cos, tf.elu, tf.erf, tf.exp, tf.expm1, tf.floor, tf.leakyRelu, tf.log,
  tf.log1p, tf.logSoftmax, tf.neg, tf.reciprocal, tf.relu, tf.relu6, tf.round, tf.rsqrt, tf.selu, tf.sigmoid, tf.sign,
  tf.sin, tf.softmax, tf.softplus, tf.sqrt, tf.square, tf.step, tf.tan, tf.tanh, tf.onesLike, tf.zerosLike, tf.isFinite,
  tf.isInf, tf.isNaN,
] as ((x: tf.Tensor) => tf.Tensor)[] // biome-ignore format: a list
const binary = [
  tf.add, tf.atan2, tf.floorDiv, tf.maximum, tf.minimum, tf.mod, tf.mul, tf.pow, tf.prelu, tf.div, tf.squaredDifference,
  tf.sub, tf.equal, tf.greater, tf.greaterEqual, tf.less, tf.lessEqual, tf.notEqual,
] as ((a: tf.Tensor, b: tf.Tensor) => tf.Tensor)[] // biome-ignore format: a list
const reductions = [tf.max, tf.mean, tf.min, tf.prod, tf.sum] as ((
  x: tf.Tensor,
  axis?: number | number[],
  keepDims?: boolean,
) => tf.Tensor)[]

const programs: Record<string, () => tf.Tensor | tf.Tensor[]> = {
  unary: () => unary.map(f => f(x())),
  binary: () => binary.flatMap(f => [f(x(), row()), f(x(), x())]),
  reductions: () => reductions.flatMap(f => [f(x()), f(x(), 1), f(x(), [0, -1], true)]),
  places: () => [tf.argMax(x(), 1), tf.argMin(x(), -1)],
  truths: () => [
    tf.logicalAnd(truths(), truths()),
    tf.logicalOr(truths(), truths()),
    tf.logicalNot(truths()),
    tf.all(truths(), 1),
    tf.any(truths()),
  ],
  values: () => [tf.clipByValue(x(), 0, 1), tf.cumsum(x(), 1), tf.reverse(x(), 1), tf.addN([x(), x(), x()])],
  choice: () => tf.where(truths(), x(), tf.zeros([2, 3, 4])),
  views: () => [x().clone(), tf.reshape(x(), [-1, 6]), tf.expandDims(x(), -1), tf.cast(x(), 'float32')],
  casts: () => [tf.cast(x(), 'int32'), tf.cast(truths(), 'float32')],
  'moved about': () => [
    tf.transpose(x(), [2, 0, 1]),
    tf.tile(x(), [1, 2, 3]),
    tf.pad(x(), [[0, 0], [1, 2], [3, 0]]), // biome-ignore format: short
    tf.mirrorPad(x(), [[0, 0], [1, 1], [0, 2]], 'reflect'), // biome-ignore format: short
    tf.slice(x(), [0, 1, 2], [2, -1, 1]),
    tf.concat([x(), x(), x()], -1),
    tf.stack([x(), x()], 1),
    ...tf.split(x(), 2, 2),
    ...tf.split(x(), [1, 2], -2),
    ...tf.unstack(x(), 1),
  ],
  lookups: () => [
    tf.gather(x(), integers(), 2),
    tf.gather(x(), tf.tensor2d([[1, 0]], [1, 2], 'int32')),
    tf.oneHot(integers(), 5),
    tf.unsortedSegmentSum(tf.ones([3, 4]), integers(), 6),
  ],
  made: () => [tf.fill([2, 3], 1), tf.linspace(0, 1, 7)],
  products: () => [
    tf.matMul(x(), tf.ones([2, 4, 5])),
    tf.matMul(x(), tf.ones([2, 5, 4]), false, true),
    tf.matMul(x(), tf.ones([2, 3, 5]), true),
    tf.matMul(tf.ones([1, 3, 4]), tf.ones([2, 4, 5])),
  ],
  convolutions: () => [
    tf.conv2d(image(), filter(), 1, 'same'),
    tf.conv2d(image(), filter(), 2, 'valid'),
    tf.conv2d(image(), filter(1, 3), 1, 'same'),
    tf.conv2d(image(), filter(), 2, 1),
    tf.fused.conv2d({ x: image(), filter: filter(), strides: 1, pad: 'same', bias: tf.ones([4]), activation: 'relu' }),
    tf.depthwiseConv2d(image(), filter(3, 3, 3, 2), 2, 'same'),
    tf.fused.depthwiseConv2d({ x: image(), filter: filter(3, 3, 3, 1), strides: 1, pad: 'same' }),
  ],
  'gradients of convolutions': () => [
    gradientOf(x => tf.conv2d(x as tf.Tensor4D, filter(), 2, 'same'), image)(),
    gradientOf(f => tf.conv2d(image(), f as tf.Tensor4D, 1, 'valid'), filter)(),
    gradientOf(x => tf.depthwiseConv2d(x as tf.Tensor4D, filter(3, 3, 3, 1), 1, 'same'), image)(),
    gradientOf(
      f => tf.depthwiseConv2d(image(), f as tf.Tensor4D, 1, 'same'),
      () => filter(3, 3, 3, 1),
    )(),
  ],
  pools: () => [
    tf.avgPool(image(), 2, 2, 'valid'),
    tf.maxPool(image(), 3, 2, 'same'),
    gradientOf(x => tf.avgPool(x as tf.Tensor4D, 2, 2, 'valid'), image)(),
    gradientOf(x => tf.maxPool(x as tf.Tensor4D, 3, 2, 'valid'), image)(),
  ],
  resizes: () => [
    tf.image.resizeBilinear(image(), [7, 3]),
    tf.image.resizeNearestNeighbor(image(), [10, 12]),
    gradientOf(
      x => tf.image.resizeBilinear(x as tf.Tensor4D, [7, 3]),
      () => image(6),
    )(),
    gradientOf(
      x => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [10, 12]),
      () => image(6),
    )(),
  ],
  gradients: () => [
    ...unary
      .slice(0, -5)
      .filter(f => ![tf.erf, tf.selu].includes(f as never))
      .map(f => gradientOf(f, x)()),
    ...[tf.add, tf.mul, tf.div, tf.pow].flatMap(f => [
      gradientOf(a => f(a, row()), x)(),
      gradientOf(b => f(x(), b), row)(),
    ]),
    ...[tf.max, tf.mean, tf.sum].map(f => gradientOf(a => f(a, 1), x)()),
    gradientOf(
      a => tf.gather(a, integers()),
      () => tf.ones([3, 4]),
    )(),
  ],
}

const outlines = (made: tf.Tensor | tf.Tensor[]) => [made].flat().map(({ shape, dtype }) => ({ shape, dtype }))
const seen = new Set<string>()

beforeAll(() => useBackend('cpu'))

describe.each(Object.entries(programs))('%s', (_, program) => {
  it('has the shapes, types and bytes of the cpu backend', async () => {
    const before = tf.memory()
    let [expected, bytes, kernels] = [[] as ReturnType<typeof outlines>, 0, 0]
    tf.engine().startScope()
    const profile = await tf.profile(() => {
      expected = outlines(tf.tidy(program))
      bytes = tf.memory().numBytes - before.numBytes
    })
    tf.engine().endScope()
    for (const name of profile.kernelNames) seen.add(name)
    kernels = profile.kernels.length

    let [found, foundBytes] = [[] as ReturnType<typeof outlines>, 0]
    const counts = await countedRun(end => {
      const start = tf.memory().numBytes
      found = outlines(tf.tidy(program))
      foundBytes = tf.memory().numBytes - start
      end('all')
    })
    expect(found).toEqual(expected)
    expect(foundBytes).toBe(bytes)
    expect(counts.get('all')!.kernels).toBeLessThanOrEqual(kernels)
    expect(tf.getBackend()).toBe('cpu')
    expect(tf.memory().numTensors).toBe(before.numTensors)
  })
})

/** The inputs of each fused kernel. */
const ones = (...shape: number[]) => tf.ones(shape)
const images = { x: () => ones(2, 3, 3, 4), weight: () => ones(4), bias: () => ones(4) }
const statistics = { mean: () => ones(2, 2), inverse: () => ones(2, 2) }
const rows = { x: () => ones(2, 3, 4), weight: () => ones(4), bias: () => ones(4) }
const separable = {
  ...{ x: () => ones(2, 3, 4, 8), scale: () => ones(2, 8) },
  ...{ depthwise: () => ones(3, 3, 8, 1), pointwise: () => ones(8, 6) },
}
const vectors = ['weights', 'gradient', 'first', 'second', 'mask'].map(name => [name, () => ones(5)] as const)
const fusedInputs: Record<FusedName, Record<string, () => tf.Tensor>> = {
  GroupNorm: images,
  GroupNormGradient: { dy: images.x, ...images, ...statistics },
  LayerNorm: rows,
  LayerNormGradient: { dy: rows.x, x: rows.x, weight: rows.weight, mean: () => ones(6), inverse: () => ones(6) },
  GatedGelu: { x: () => ones(2, 6) },
  GatedGeluGradient: { dy: () => ones(2, 3), x: () => ones(2, 6) },
  Convolution: {
    x: () => ones(2, 3, 3, 4),
    filter: () => ones(3, 3, 4, 5),
    bias: () => ones(5),
    addend: () => ones(2, 5),
  },
  ConvolutionGradient: { dy: () => ones(2, 3, 3, 5), filter: () => ones(3, 3, 4, 5), y: () => ones(2, 3, 3, 5) },
  Affine: { x: () => ones(2, 3, 4), weight: () => ones(4, 5), bias: () => ones(5), addend: () => ones(2, 3, 5) },
  Attention: { q: () => ones(6, 4), k: () => ones(4, 4), v: () => ones(4, 4) },
  AttentionGradient: { dy: () => ones(6, 4), q: () => ones(6, 4), k: () => ones(4, 4), v: () => ones(4, 4) },
  MaxPoolGradient: { dy: () => ones(2, 2, 2, 4), x: () => ones(2, 5, 5, 4) },
  Resample: { x: () => ones(2, 3, 4, 5), matrix: () => ones(6, 4) },
  ReluGradient: { dy: () => ones(2, 3), y: () => ones(2, 3) },
  InverseHaar: { x: () => ones(2, 3, 4, 8), scale: () => ones(2, 8) },
  InverseHaarGradient: { dy: () => ones(2, 6, 8, 2), x: () => ones(2, 3, 4, 8), scale: () => ones(2, 8) },
  Haar: { x: () => ones(2, 6, 8, 2) },
  Depthwise: { x: separable.x, filter: separable.depthwise, bias: () => ones(8) },
  SeparableConvolution: { ...separable, noise: () => ones(1, 3, 4, 1), bias: () => ones(6) },
  SeparableConvolutionGradient: { dy: () => ones(2, 3, 4, 6), y: () => ones(2, 3, 4, 6), ...separable },
  AdamW: { ...Object.fromEntries(vectors), options: () => tf.tensor1d([0.9, 0.999, 1e-8, 1e-3, 0, 1]) },
  Blend: { from: () => ones(5), to: () => ones(5), share: () => tf.scalar(0.5) },
}
/** Of all fused kernels together. */
const fusedAttributes = {
  ...{ groups: 2, epsilon: 1e-5, silu: true },
  ...{ stride: 1, same: true, relu: true, biased: true, added: true, height: 3, width: 3 },
  ...{ transposed: false, heads: 2, samples: 2, side: 3, axis: 2, scaled: true, turned: true },
}
const hasFused = hasFusedKernels('tensorflow')
if (!hasFused) console.log('fused kernels: not compared, npm run native has not compiled them')

describe.skipIf(!hasFused)('fused kernels', () => {
  it.each(Object.keys(fusedKernels) as FusedName[])('%s gives the shapes of the tensorflow backend', async name => {
    const program = () => {
      const inputs = Object.fromEntries(Object.entries(fusedInputs[name]).map(([key, make]) => [key, make()]))
      return outlines(fused(name)!(inputs as never, fusedAttributes as never))
    }
    await useBackend('tensorflow')
    const expected = tf.tidy(program as never)
    let found: unknown
    const run = () => {
      found = program()
    }
    await countedRun(run, { fused: 'tensorflow' })
    await useBackend('cpu')
    expect(found).toEqual(expected)
    // Other backends are planned without them.
    await countedRun(() => expect(fused(name)).toBeUndefined())
    const isReplaced = replacedByBf16.includes(registeredName(name))
    await countedRun(() => expect(fused(name) === undefined).toBe(isReplaced), { fused: 'tensorflow', bf16: true })
  })
})

afterAll(() => {
  const unseen = Object.keys(rules).filter(name => !seen.has(name))
  expect(unseen).toEqual([])
})
