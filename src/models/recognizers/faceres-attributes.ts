/**
 * Age and sex as the heads of @vladmandic/human's `faceres` model read them from its embedding: judgements, not facts. They
 * are the judge of the attribute energy, which reads another network; with faceres among the guides they judge nothing.
 */
import * as tf from '@tensorflow/tfjs'
import type { AgeGender } from '../age-gender.ts'
import { define, type Module, type Weights, weight } from '../module.ts'
import { affine } from '../ops/affine.ts'
import { cropResize, type Rectangle } from './crop.ts'
import { dlibCrop } from './dlib.ts'
import { faceresNet } from './faceres.ts'

const inputSize = 224
/** Mean blue, green and red of the training faces, of 255. */
const meanColour = [103.939, 116.779, 123.68]
/** The heads: embedding before normalisation [n, 1024] -> age in years [n] and log-odds of a male face [n]. */
export function faceresHeads(): Module<[tf.Tensor2D], AgeGender> {
  const shapes = { feats: [1024, 256], age_pred: [256, 100], gender_pred: [256, 1] }
  const parameters: Record<string, number[]> = {}
  for (const [name, [inputs, outputs]] of Object.entries(shapes))
    Object.assign(parameters, { [`${name}/kernel`]: [inputs!, outputs!], [`${name}/bias`]: [outputs!] })
  return define([{ parameters }], (w, x) => {
    const layer = (name: keyof typeof shapes, x: tf.Tensor) =>
      affine(x, weight<tf.Tensor2D>(w, `${name}/kernel`), { bias: weight(w, `${name}/bias`) })
    const features = tf.relu(layer('feats', x))
    const perYear = tf.softmax(layer('age_pred', features)) // of 0 to 99 years
    const age = tf.sum(tf.mul(perYear, tf.range(0, 100)), 1) as tf.Tensor1D
    return { age, maleLogOdds: tf.reshape(layer('gender_pred', features), [-1]) as tf.Tensor1D }
  })
}

/**
 * The judge over the weights of faceres's network and of its heads. On 208 faces of UTKFace, 16 to 80 years old, it is 7.5
 * years off in the mean, 3.3 of them too young, and right about 97 % of the sexes; seven crops differ by half a year.
 * @returns faces [n, s, s, 3] in [-1, 1] on the template of faces/template.ts -> age and log-odds
 */
export function faceresAttributes(
  network: Weights,
  heads: Weights,
  crop: Rectangle = dlibCrop,
): (faces: tf.Tensor4D) => AgeGender {
  const [net, read] = [faceresNet(), faceresHeads()]
  return faces =>
    tf.tidy(() => {
      const rgb = tf.mul(tf.add(cropResize(faces, crop, inputSize), 1), 127.5)
      const x = net(network, tf.sub(tf.reverse(rgb, 3), meanColour) as tf.Tensor4D)
      return read(heads, x) as unknown as tf.TensorContainer
    }) as unknown as AgeGender
}
