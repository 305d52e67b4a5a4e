/** Every operation and gradient that the networks rely on, on every backend present, against the cpu backend. */
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { availableBackends, releaseBackend, useBackend } from '../../src/backend/index.ts'
import { conv2d, embedding, layerNorm, linear, upsample2 } from '../../src/models/layers.ts'
import { attention } from '../../src/models/ops/attention.ts'
import { groupNorm, groupNormSilu } from '../../src/models/ops/normalization.ts'
import { noise, relativeError, type Values } from './defects/on-backend.ts'

type Operation = (...inputs: tf.Tensor[]) => tf.Tensor

/** Name, function, input shapes; the gradient is taken with respect to every input. */
const operations: [string, Operation, number[][]][] = [
  ...(
    [
      ['conv2d 3x3', { kernel: 3 }],
      ['conv2d 1x1', { kernel: 1 }],
      ['conv2d stride 2, padding 1', { kernel: 3, stride: 2, padding: 1 }],
      ['conv2d stride 2, padding (0, 1)', { kernel: 3, stride: 2, padding: [0, 1] }],
      ['conv2d 5x5 without padding', { kernel: 5, padding: 0 }],
    ] as const
  ).map(([name, options]): [string, Operation, number[][]] => [
    name,
    (x, weight, bias) => conv2d('c', 4, 6, options)({ 'c.weight': weight!, 'c.bias': bias! }, x as tf.Tensor4D),
    [[2, 8, 8, 4], [options.kernel, options.kernel, 4, 6], [6]],
  ]),
  ['linear', (x, w, b) => linear('l', 6, 5)({ 'l.weight': w!, 'l.bias': b! }, x!), [[2, 3, 6], [5, 6], [5]]],
  [
    'matMul',
    (a, b) => tf.matMul(a!, b!),
    [
      [3, 4, 5],
      [3, 5, 2],
    ],
  ],
  [
    'matMul of transposes',
    (a, b) => tf.matMul(a!, b!, true, true),
    [
      [5, 4],
      [2, 5],
    ],
  ],
  [
    'group norm',
    (x, w, b) => groupNorm(x as tf.Tensor4D, w as tf.Tensor1D, b as tf.Tensor1D, 2, 1e-5),
    [[2, 4, 4, 6], [6], [6]],
  ],
  [
    'group norm + SiLU',
    (x, w, b) => groupNormSilu(x as tf.Tensor4D, w as tf.Tensor1D, b as tf.Tensor1D, 3, 1e-5),
    [[2, 4, 4, 6], [6], [6]],
  ],
  ['layer norm', (x, w, b) => layerNorm('n', 6)({ 'n.weight': w!, 'n.bias': b! }, x!), [[2, 3, 6], [6], [6]]],
  [
    'attention',
    (q, k, v) => attention(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, 2),
    [
      [2, 5, 8],
      [2, 3, 8],
      [2, 3, 8],
    ],
  ],
  ['softmax', x => tf.softmax(x!), [[3, 7]]],
  ['upsample2', x => upsample2(x as tf.Tensor4D), [[2, 3, 4, 5]]],
  ['avgPool', x => tf.avgPool(x as tf.Tensor4D, 2, 2, 'valid'), [[2, 6, 4, 3]]],
  ['avgPool of 1', x => tf.avgPool(x as tf.Tensor4D, 1, 2, 'valid'), [[2, 6, 4, 3]]],
  ['maxPool', x => tf.maxPool(x as tf.Tensor4D, 3, 2, 'same'), [[2, 7, 6, 3]]],
  [
    'depthwise',
    (x, f) => tf.depthwiseConv2d(x as tf.Tensor4D, f as tf.Tensor4D, 2, 'same'),
    [
      [2, 7, 6, 3],
      [3, 3, 3, 1],
    ],
  ],
  [
    'embedding',
    table =>
      embedding(
        'e',
        5,
        4,
      )(
        { 'e.weight': table! },
        tf.tensor2d(
          [
            [1, 4],
            [4, 0],
          ],
          [2, 2],
          'int32',
        ),
      ),
    [[5, 4]],
  ],
  ['resizeBilinear', x => tf.image.resizeBilinear(x as tf.Tensor4D, [7, 5]), [[1, 4, 4, 3]]],
  ['relu', x => tf.relu(x!), [[2, 3, 3, 4]]],
  ['prelu', (x, slope) => tf.prelu(x!, slope!), [[2, 3, 3, 4], [4]]],
]

/** The value, and the gradient of sum(value * noise) with respect to each input. */
function evaluate(operation: Operation, shapes: number[][]): tf.Tensor[] {
  const inputs = shapes.map((shape, i) => noise(shape, i + 1))
  const value = operation(...inputs)
  const loss = (...inputs: tf.Tensor[]) => tf.sum(tf.mul(operation(...inputs), noise(value.shape, 9)))
  return [value, ...tf.grads(loss as (...x: tf.Tensor[]) => tf.Scalar)(inputs)]
}

async function results(): Promise<Map<string, Values[]>> {
  const all = new Map<string, Values[]>()
  for (const [name, operation, shapes] of operations) {
    const tensors = tf.tidy(() => evaluate(operation, shapes))
    const values: Values[] = []
    for (const tensor of tensors) values.push({ shape: tensor.shape, data: Float32Array.from(await tensor.data()) })
    tf.dispose(tensors)
    all.set(name, values)
  }
  return all
}

const available = await availableBackends()
for (const { name, usable, reason } of available) if (!usable) console.log(`${name} is not run: ${reason}`)
const names = available.filter(b => b.usable && b.name !== 'cpu').map(b => b.name)

let expected: Map<string, Values[]>
beforeAll(async () => {
  await useBackend('cpu')
  expected = await results()
})
afterAll(releaseBackend)

describe('the cpu backend', () => {
  it('has gradients that agree with finite differences', async () => {
    const step = 1e-2
    for (const [name, operation, shapes] of operations) {
      const inputs = shapes.map((shape, i) => noise(shape, i + 1))
      const direction = shapes.map((shape, i) => noise(shape, 20 + i))
      const loss = async (sign: number) => {
        const moved = inputs.map((x, i) => tf.add(x, tf.mul(direction[i]!, sign * step)))
        const value = operation(...moved)
        return (await tf.sum(tf.mul(value, noise(value.shape, 9))).data())[0]!
      }
      const numeric = ((await loss(1)) - (await loss(-1))) / (2 * step)
      let analytic = 0
      let magnitude = 0
      for (const [i, gradient] of expected.get(name)!.slice(1).entries()) {
        const along = await direction[i]!.data()
        gradient.data.forEach((g, j) => {
          analytic += g * along[j]!
          magnitude += (g * along[j]!) ** 2
        })
      }
      // Kinks of relu and max-pool inside the step cost accuracy; a wrong formula is off by the magnitude itself.
      expect(Math.abs(numeric - analytic), name).toBeLessThan(0.1 * Math.sqrt(magnitude) + 0.02 * Math.abs(analytic))
    }
  })
})

describe.each(names)('on %s', backend => {
  let found: Map<string, Values[]>
  beforeAll(async () => {
    await useBackend(backend)
    // Small tensors would otherwise be computed on the CPU, and hide what the GPU does.
    if (backend === 'webgpu') tf.env().set('WEBGPU_CPU_FORWARD', false)
    found = await results()
  })

  it.each(operations.map(([name]) => name))('%s has the value and the gradients of the cpu backend', name => {
    found.get(name)!.forEach((values, i) => {
      expect(relativeError(values, expected.get(name)![i]!), i === 0 ? 'value' : `gradient ${i}`).toBeLessThan(1e-5)
    })
  })
})
