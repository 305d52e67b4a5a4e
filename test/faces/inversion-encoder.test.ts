import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import {
  type Generator,
  type InversionEncoder,
  loadGenerator,
  loadInversionEncoder,
} from '../../src/faces/generator.ts'
import { normal } from '../../src/util/random.ts'

let generator: Generator
let encode: InversionEncoder
/** Nobody of these was trained on, [4, 256, 256, 3]. */
let faces: tf.Tensor4D
beforeAll(async () => {
  await useBackend('tensorflow')
  ;[generator, encode] = [await loadGenerator(), await loadInversionEncoder()]
  const styles = tf.tidy(() => {
    const w = generator.mapped(normal([4, 512], 31, 'z') as tf.Tensor2D)
    const mean = tf.mean(generator.mapped(normal([2000, 512], 1, 'mean') as tf.Tensor2D), 0)
    return tf.tile(tf.expandDims(tf.add(mean, tf.mul(0.8, tf.sub(w, mean))), 1), [1, 16, 1]) as tf.Tensor3D
  })
  faces = tf.clipByValue(generator.synthesize(styles, 256), -1, 1)
})

/** Of faces and what is generated from latents, each, in dB. */
const decibels = (latents: tf.Tensor4D): number[] =>
  tf.tidy(() => {
    const made = tf.clipByValue(generator.decode(latents, 256), -1, 1)
    const errors = tf.mean(tf.square(tf.sub(made, faces)), [1, 2, 3]).arraySync() as number[]
    return errors.map(error => 10 * Math.log10(4 / error))
  })

test('what is generated from its latents is nearer to faces than the mean face is', () => {
  const [found, mean] = [decibels(encode(faces)), decibels(tf.zeros([4, 16, 1, 512]))]
  const gain = found.reduce((sum, value, i) => sum + value - mean[i]!, 0) / found.length
  expect(gain).toBeGreaterThan(1.5)
})

test('its latents lie where faces do, and are all that stays', () => {
  const before = tf.memory().numTensors
  const latents = encode(faces)
  expect(tf.memory().numTensors).toBe(before + 1)
  expect(latents.shape).toEqual([4, 16, 1, 512])
  expect(tf.sqrt(tf.mean(tf.square(latents))).dataSync()[0]).toBeLessThan(1)
})
