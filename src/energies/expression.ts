/** Keeps the expression as face-api's FaceExpressionNet reads it: a judgement, not a fact. What guides here must not judge. */
import * as tf from '@tensorflow/tfjs'
import type { Expression } from '../models/face-api.ts'
import { dlibCrop } from '../models/recognizers/dlib.ts'
import { cropResize } from '../models/recognizers/recognizer.ts'
import { alignedRectangle, type ImageEnergy, imageEnergy, type OriginalFace } from './image-energy.ts'

/** Side of the network's input. */
const inputSide = 112

export interface ExpressionOptions {
  /** Faces [n, 112, 112, 3] in 0..255 -> logits of the expressions, and the features they are made of. */
  readonly network: (x: tf.Tensor4D) => Expression
  /** Divides the logits, so that a certain judgement still has a slope (Hinton et al., arXiv 1503.02531). */
  readonly temperature?: number
}

/**
 * T^2 KL(softmax(l(original) / T) || softmax(l(x) / T)), l the logits, T the temperature: zero where the distributions of the
 * seven expressions agree.
 */
export function expressionEnergy(original: OriginalFace, { network, temperature = 2 }: ExpressionOptions): ImageEnergy {
  const rectangle = alignedRectangle(original, dlibCrop)
  const logProbabilities = (images: tf.Tensor4D) => {
    const x = tf.mul(tf.add(cropResize(images, rectangle, inputSide), 1), 127.5) as tf.Tensor4D
    return tf.logSoftmax(tf.div(network(x).logits, temperature)) as tf.Tensor2D
  }
  return imageEnergy(
    'expression',
    () => {
      const logs = logProbabilities(original.face)
      return { logs, shares: tf.mul(tf.exp(logs), temperature ** 2) }
    },
    (images, { logs, shares }) => tf.sum(tf.mul(tf.sub(logs, logProbabilities(images)), shares), 1) as tf.Tensor1D,
  )
}
