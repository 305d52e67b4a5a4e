import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { type Generator, loadGenerator } from '../../src/faces/generator.ts'
import { type HeadStyles, headOfRows, imageHead } from '../../src/models/generator/synthesis.ts'
import type { Weights } from '../../src/models/module.ts'
import { haar } from '../../src/models/ops/haar.ts'
import { initialise } from '../../src/train/state.ts'
import { normal } from '../../src/util/random.ts'
import { usableBackends } from './backends.ts'

const [channels, styleWidth] = [6, 4]

describe.each(usableBackends)('a head on %s', backend => {
  const network = imageHead('head', channels, styleWidth)
  let weights: Weights
  let x: tf.Tensor4D
  let styles: HeadStyles
  beforeAll(async () => {
    await useBackend(backend)
    weights = initialise(network.parameters, 3)
    x = normal([2, 3, 3, channels], 1, 'features') as tf.Tensor4D
    styles = [0, 1, 2].map(i => normal([2, styleWidth], 1, 'style', i)) as unknown as HeadStyles
  })

  test('scales the inputs of its layers, and adds a linear map', async () => {
    const layer = (i: number, x: tf.Tensor) => {
      const of = (part: string) => weights[`head.layers.${i}.${part}`]!
      const scale = tf.add(tf.matMul(styles[i]!, of('style.weight'), false, true), of('style.bias'))
      const scaled = tf.mul(x, tf.reshape(scale, [2, 1, -1])) as tf.Tensor3D
      const flat = tf.reshape(scaled, [-1, scaled.shape[2]]) as tf.Tensor2D
      return tf.add(tf.reshape(tf.matMul(flat, of('weight') as tf.Tensor2D, false, true), [2, 9, -1]), of('bias'))
    }
    const rows = tf.reshape(x, [2, 9, channels])
    const layers = layer(2, tf.leakyRelu(layer(1, tf.leakyRelu(layer(0, rows), 0.2)), 0.2))
    const flat = tf.reshape(rows, [18, channels]) as tf.Tensor2D
    const skip = tf.reshape(tf.matMul(flat, weights['head.skip.weight'] as tf.Tensor2D, false, true), [2, 9, 12])
    const wanted = tf.add(layers, skip)
    const found = tf.reshape(haar(network(weights, x, styles)), [2, 9, 12])
    expect((await tf.max(tf.abs(tf.sub(found, wanted))).data())[0]).toBeLessThan(1e-5)
    const ofRows = headOfRows('head', channels, styleWidth)(weights, rows as tf.Tensor3D, styles)
    expect((await tf.max(tf.abs(tf.sub(ofRows, wanted))).data())[0]).toBeLessThan(1e-5)
  })

  test('has the gradient of its finite differences, for features and styles', async () => {
    const loss = (x: tf.Tensor, style: tf.Tensor) => {
      const y = network(weights, x as tf.Tensor4D, [style as tf.Tensor2D, styles[1], style as tf.Tensor2D])
      return tf.sum(tf.mul(y, tf.sin(tf.range(0, y.size).reshape(y.shape)))) as tf.Scalar
    }
    const inputs: [tf.Tensor, tf.Tensor] = [x, styles[0]]
    const gradients = tf.grads(loss)(inputs)
    for (const [i, input] of inputs.entries()) {
      const direction = normal(input.shape, 5, 'direction', i)
      const at = async (t: number) =>
        (await loss(...(inputs.map((v, k) => (k === i ? tf.add(v, tf.mul(direction, t)) : v)) as typeof inputs)).data())[0]! // biome-ignore format: one line
      const [later, earlier] = [await at(0.01), await at(-0.01)]
      const slope = (await tf.sum(tf.mul(gradients[i]!, direction)).data())[0]!
      expect(Math.abs((later - earlier) / 0.02 - slope)).toBeLessThan(0.02 * Math.abs(slope) + 0.02)
    }
  })
})

describe('the heads of the generator', () => {
  let generator: Generator
  /** One style for all rows of each face, [2, 16, 512]. */
  let styles: tf.Tensor3D
  let large: tf.Tensor4D
  beforeAll(async () => {
    await useBackend('tensorflow')
    generator = await loadGenerator()
    const each = generator.mapped(normal([2, 512], 77, 'z') as tf.Tensor2D)
    const mean = tf.mean(generator.mapped(normal([2000, 512], 1, 'mean') as tf.Tensor2D), 0)
    const truncated = tf.add(mean, tf.mul(0.8, tf.sub(each, mean)))
    styles = tf.tile(tf.expandDims(truncated, 1), [1, 16, 1])
    large = generator.synthesize(styles, 1024)
  })
  const reduced = (x: tf.Tensor4D, size: number) => tf.avgPool(x, x.shape[1] / size, x.shape[1] / size, 'valid')

  test.each([
    [128, 22],
    [256, 24],
  ] as const)('at %i pixels it makes about what there is at 1024', async (size, decibels) => {
    const error = tf.mean(tf.square(tf.sub(generator.synthesize(styles, size), reduced(large, size))))
    expect(10 * Math.log10(4 / (await error.data())[0]!)).toBeGreaterThan(decibels)
  })

  test('colours follow the later rows as they do at 1024', async () => {
    const [first, second] = tf.split(styles, 2) as [tf.Tensor3D, tf.Tensor3D]
    const swapped = tf.concat([tf.slice(first, [0, 0, 0], [1, 11, -1]), tf.slice(second, [0, 11, 0], [1, 5, -1])], 1)
    const shift = async (size: 256 | 1024) => {
      const [before, after] = [first, swapped].map(s =>
        tf.mean(generator.synthesize(s as tf.Tensor3D, size), [0, 1, 2]),
      )
      return [...(await tf.sub(after!, before!).data())]
    }
    const [wanted, found] = [await shift(1024), await shift(256)]
    const length = (v: number[]) => Math.hypot(...v)
    const cosine = wanted.reduce((sum, v, i) => sum + v * found[i]!, 0) / (length(wanted) * length(found))
    expect(length(wanted)).toBeGreaterThan(0.01)
    expect(cosine).toBeGreaterThan(0.7)
  })
})
