/** The generator with its weights of float16, held to PyTorch with the same ones and to OpenVINO with those of float32. */
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { generatorPath } from '../../src/faces/generator.ts'
import { generatorParts } from '../../src/models/generator/generator.ts'
import type { Weights } from '../../src/models/module.ts'
import { loadWeights } from '../../src/weights/load.ts'
import golden from '../golden/generator/synthesis.json' with { type: 'json' }
import { usableBackends } from './backends.ts'

const { pytorch, openvino } = golden

/** Over squares of the side: [1, h, w, c] -> [h / side * w / side * c]. */
const means = (x: tf.Tensor4D, side: number) => tf.reshape(tf.avgPool(x, side, side, 'valid'), [-1])

/** The mean of means over squares times sin(0.37 k), k counting them. */
function loss(x: tf.Tensor4D, side: number): tf.Scalar {
  const values = means(x, side)
  return tf.mean(
    tf.mul(
      values,
      Float32Array.from({ length: values.size }, (_, k) => Math.sin(0.37 * k)),
    ),
  )
}

/** Gradients jump where a leaky ReLU's input changes its sign: in float32 PyTorch's own differ by 9e-4 from those of float64. */
const gradientTolerance = 1e-3

const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs))

/** Largest difference of any value. */
function difference(found: tf.Tensor, wanted: readonly number[]): number {
  const values = [...found.dataSync()]
  expect(values.length).toBe(wanted.length)
  return largest(values.map((value, i) => value - wanted[i]!))
}

describe.each(usableBackends)('the generator on %s', backend => {
  const { synthesis, mapping, latentSpace } = generatorParts()
  let [ofSynthesis, ofMapping, ofLatentSpace]: Weights[] = []
  /** W+ [1, 16, 512] of three styles, some rows of each. */
  let mixed: tf.Tensor3D
  let tensors = 0

  beforeAll(async () => {
    await useBackend(backend)
    tensors = tf.memory().numTensors
    const load = (prefix: string, shapes: typeof synthesis.parameters) =>
      loadWeights(generatorPath(), shapes, { prefix })
    ofSynthesis = await load('synthesis.', synthesis.parameters)
    ofMapping = await load('mapping.', mapping.parameters)
    ofLatentSpace = await load('', latentSpace.toStyles.parameters)
    mixed = tf.tensor3d([golden.rows.map(k => openvino.styles[k]!)])
  })
  afterAll(() => {
    tf.dispose([ofSynthesis!, ofMapping!, ofLatentSpace!, mixed])
    expect(tf.memory().numTensors).toBe(tensors)
  })

  it('makes of noise the styles, and of styles the picture, that OpenVINO makes', () =>
    tf.tidy(() => {
      expect(difference(mapping(ofMapping!, tf.tensor2d([openvino.z])), openvino.w)).toBeLessThan(5e-3)
      const styles = tf.tensor3d([Array.from({ length: 16 }, () => openvino.styles[0]!)])
      expect(difference(means(synthesis(ofSynthesis!, styles, 1024), 64), openvino.means)).toBeLessThan(5e-3)
    }))

  it('makes of mixed styles the picture that PyTorch makes, alone and in a batch', () =>
    tf.tidy(() => {
      const single = synthesis(ofSynthesis!, mixed, 1024)
      expect(single.shape).toEqual([1, 1024, 1024, 3])
      expect(difference(means(single, 64), pytorch.means)).toBeLessThan(1e-4)
      const batch = synthesis(ofSynthesis!, tf.concat([tf.neg(mixed), mixed]), 1024)
      const second: tf.Tensor4D = tf.slice(batch, [1, 0, 0, 0], [1, -1, -1, -1])
      expect(difference(means(second, 64), pytorch.means)).toBeLessThan(1e-4)
    }))

  it.each(['image', 'features'] as const)('has PyTorch’s gradient of a loss of the %s', what => {
    const f = (w: tf.Tensor) => {
      const styles = w as tf.Tensor3D
      const seen =
        what === 'image' ? synthesis(ofSynthesis!, styles, 1024) : synthesis.features(ofSynthesis!, styles, 256)
      return loss(seen, 16)
    }
    tf.tidy(() => {
      const wanted = pytorch[what]
      const { value, grad } = tf.valueAndGrad(f)(mixed)
      expect(difference(value, [wanted.loss])).toBeLessThan(1e-4 * Math.abs(wanted.loss))
      const norms = tf.norm(grad, 2, 2)
      expect(difference(norms, wanted.rowNorms)).toBeLessThan(gradientTolerance * largest(wanted.rowNorms))
      const first = tf.slice(grad, [0, 0, 0], [1, -1, 8])
      const firstOfRows = wanted.firstOfRows.flat()
      expect(difference(first, firstOfRows)).toBeLessThan(gradientTolerance * largest(firstOfRows))
    })
  })

  it('leads from styles to latents and back', () =>
    tf.tidy(() => {
      const latents = latentSpace.toLatents(ofLatentSpace!, mixed)
      const back = latentSpace.toStyles(ofLatentSpace!, latents)
      expect(difference(back, [...mixed.dataSync()])).toBeLessThan(5e-3)
      expect(tf.sqrt(tf.mean(tf.square(latents))).dataSync()[0]).toBeLessThan(1.5)
    }))
})
