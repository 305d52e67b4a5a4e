/** Recognizers in the loss of an autoencoder: what people are told apart by is to be kept. */
import type * as tf from '@tensorflow/tfjs'
import type { TrainConfig } from '../config/train.ts'
import type { AnyRecognizerName } from '../faces/recognizers.ts'
import type { DlibRecognizer } from '../models/recognizers/dlib.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'

/** A frozen network that compares decoded faces with faces. */
export interface PerceptualNetwork {
  readonly name: string
  /** Faces [n, s, s, 3] in [-1, 1] -> embeddings of unit length [n, d], and feature maps where it gives any. */
  perceive(faces: tf.Tensor4D): { readonly embedding: tf.Tensor2D; readonly features: readonly tf.Tensor[] }
}

/** The recognizers that compare decoded faces with faces in the loss of an autoencoder. */
export function perceptualNetworksOf({
  featureWeight,
  identityWeights,
}: Extract<TrainConfig, { task: 'autoencoder' }>): AnyRecognizerName[] {
  const names = Object.keys(identityWeights) as AnyRecognizerName[]
  return featureWeight > 0 && !names.includes('dlib') ? ['dlib', ...names] : names
}

/** A recognizer as a perceptual network; dlib alone has features too. */
export function asPerceptual(recognizer: Recognizer): PerceptualNetwork {
  if ('perceive' in recognizer) return recognizer as DlibRecognizer
  return { name: recognizer.name, perceive: faces => ({ embedding: recognizer.embed(faces), features: [] }) }
}
