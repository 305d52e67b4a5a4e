import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { embedding, layerNorm, upsample2 } from '../../src/models/layers.ts'
import { gatedGelu, swish } from '../../src/models/ops/activations.ts'
import { affine, convolution } from '../../src/models/ops/affine.ts'
import { attention } from '../../src/models/ops/attention.ts'
import { groupNorm, groupNormSilu } from '../../src/models/ops/normalization.ts'
import { proceduralInput, proceduralWeight } from '../../src/parity/procedural.ts'
import { usableBackends } from './backends.ts'

const values = <S extends tf.Tensor>(name: string, shape: number[]) =>
  tf.tensor(proceduralInput(name, shape), shape) as S

/** Largest difference between an analytic directional derivative and the central difference, relative to the larger. */
function directionalError(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): number {
  return tf.tidy(() => {
    const cotangent = values('cotangent', f(x).shape)
    const direction = values('direction', x.shape)
    const loss = (x: tf.Tensor) => tf.sum(tf.mul(f(x), cotangent)) as tf.Scalar
    const step = 1e-2
    const at = (k: number) => loss(tf.add(x, tf.mul(direction, k * step))).dataSync()[0]!
    // Fourth order, so that the step can be large enough for float32.
    const numeric = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
    const analytic = tf.sum(tf.mul(tf.grad(loss)(x), direction)).dataSync()[0]!
    return Math.abs(numeric - analytic) / Math.max(Math.abs(numeric), Math.abs(analytic))
  })
}

describe.each(usableBackends)('layers on %s', backend => {
  beforeAll(() => useBackend(backend))

  const ops: [string, number[], (x: tf.Tensor) => tf.Tensor][] = [
    ['upsample2', [2, 3, 2, 4], x => upsample2(x as tf.Tensor4D)],
    ['gatedGelu', [3, 10], gatedGelu],
    ['swish', [3, 5], x => swish(x, 1.702)],
    ['affine', [2, 3, 4], x => affine(x, values('w', [4, 5]), { bias: values('b', [5]) })],
    ['affine weights', [4, 5], w => affine(values('x', [2, 3, 4]), w as tf.Tensor2D, { bias: values('b', [5]) })],
    ['affine transposed weights', [5, 4], w => affine(values('x', [2, 3, 4]), w as tf.Tensor2D, { transposed: true })],
    ['affine biases', [5], b => affine(values('x', [2, 3, 4]), values('w', [4, 5]), { bias: b })],
    ['affine addend', [2, 3, 5], a => affine(values('x', [2, 3, 4]), values('w', [4, 5]), { addend: a })],
    [
      'convolution',
      [2, 4, 5, 3],
      x => convolution(x as tf.Tensor4D, values('w', [3, 3, 3, 4]), { bias: values('b', [4]) }),
    ],
    [
      'convolution filters',
      [3, 3, 3, 4],
      w =>
        convolution(values('x', [2, 5, 5, 3]), w as tf.Tensor4D, {
          bias: values('b', [4]),
          stride: 2,
          padding: 'valid',
        }),
    ],
    [
      'convolution biases',
      [4],
      b => convolution(values('x', [2, 4, 5, 3]), values('w', [3, 3, 3, 4]), { bias: b as tf.Tensor1D }),
    ],
    ['1x1 convolution filters', [1, 1, 3, 4], w => convolution(values('x', [2, 4, 5, 3]), w as tf.Tensor4D)],
    ['layerNorm', [2, 3, 8], x => layerNorm('n', 8)({ 'n.weight': tf.ones([8]), 'n.bias': tf.zeros([8]) }, x)],
    ['groupNorm', [2, 3, 3, 8], x => groupNorm(x as tf.Tensor4D, values('w', [8]), values('b', [8]), 4, 1e-5)],
    ['groupNormSilu', [2, 3, 3, 8], x => groupNormSilu(x as tf.Tensor4D, values('w', [8]), values('b', [8]), 4, 1e-5)],
    [
      'attention queries',
      [2, 3, 8],
      q => attention(q as tf.Tensor3D, values('k', [2, 5, 8]), values('v', [2, 5, 8]), 2),
    ],
    ['attention keys', [2, 5, 8], k => attention(values('q', [2, 3, 8]), k as tf.Tensor3D, values('v', [2, 5, 8]), 2)],
    [
      'attention values',
      [2, 5, 8],
      v => attention(values('q', [2, 3, 8]), values('k', [2, 5, 8]), v as tf.Tensor3D, 2),
    ],
  ]
  it.each(ops)('%s has the gradient of its finite differences', (name, shape, op) => {
    const x = values<tf.Tensor>(name, shape)
    expect(directionalError(op, x)).toBeLessThan(2e-3)
    x.dispose()
  })

  it('attention in slices is attention', () => {
    const shapes = { q: [2, 3, 8], k: [2, 5, 8], v: [2, 5, 8] }
    const inputs = Object.entries(shapes).map(([name, shape]) => values<tf.Tensor3D>(name, shape))
    const mask = values<tf.Tensor2D>('mask', [3, 5])
    const run = (mostScores?: number) => {
      const f = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => attention(q, k, v, 4, { mask, mostScores })
      const { value, grads } = tf.valueAndGrads(f as never)(inputs, values('dy', [2, 3, 8]))
      return [value, ...grads].flatMap(x => [...x.dataSync()])
    }
    const whole = run()
    for (const [i, x] of run(3 * 3 * 5).entries()) expect(x).toBeCloseTo(whole[i]!, 5)
  })

  it('group norm and SiLU differentiate their weight and bias', () => {
    const x = values<tf.Tensor4D>('x', [2, 3, 3, 8])
    const at = (w: tf.Tensor, b: tf.Tensor) => groupNormSilu(x, w as tf.Tensor1D, b as tf.Tensor1D, 2, 1e-5)
    expect(directionalError(w => at(w, tf.zeros([8])), values('w', [8]))).toBeLessThan(2e-3)
    expect(directionalError(b => at(tf.ones([8]), b), values('b', [8]))).toBeLessThan(2e-3)
  })

  it('upsample2 repeats rows and columns', () => {
    const y = upsample2(tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]))
    expect([...y.dataSync()]).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4])
  })

  // The raw wasm backend has no gradient of gather.
  it.each([5, 400])('embedding of %i entries gives its rows', entries => {
    const table = tf.tensor2d(proceduralWeight('t.weight', [entries, 3]), [entries, 3])
    const rows = embedding('t', entries, 3)({ 't.weight': table }, tf.tensor2d([[4, 0], [1, 4]], [2, 2], 'int32')) // biome-ignore format: short
    expect(rows.shape).toEqual([2, 2, 3])
    const all = table.dataSync()
    expect([...rows.dataSync()]).toEqual([4, 0, 1, 4].flatMap(i => [...all.slice(3 * i, 3 * i + 3)]))
  })

  it('embedding of a small table differentiates the table', () => {
    const ids = tf.tensor1d([2, 2, 0], 'int32')
    const grad = tf.grad(t => embedding('t', 4, 2)({ 't.weight': t }, ids))(tf.ones([4, 2]))
    expect([...grad.dataSync()]).toEqual([1, 1, 0, 0, 2, 2, 0, 0])
  })
})
