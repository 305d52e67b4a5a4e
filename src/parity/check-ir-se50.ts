import * as tf from '@tensorflow/tfjs'
import { irSe50 } from '../models/recognizers/ir-se50.ts'
import {
  type Check,
  compare,
  compareParameters,
  type GoldenFile,
  type GoldenInput,
  imageInput,
  input,
  proceduralWeights,
  toNchw,
} from './golden.ts'

/** Unit embeddings of two images, and the gradient of sum(embedding * cotangent) with respect to the images. */
export async function checkIrSe50({ parameters, inputs, outputs, gradients = {} }: GoldenFile): Promise<Check[]> {
  const network = irSe50()
  const names = compareParameters(network.parameters, parameters)
  if (names.relativeError > 0) return [names]
  const weights = proceduralWeights(network.parameters)
  const images = imageInput(inputs.x as GoldenInput)
  const cotangent = input<tf.Tensor2D>(inputs.cotangent as GoldenInput)
  const { value, grad } = tf.valueAndGrad(x => network(weights, x as tf.Tensor4D))(images, cotangent)
  const checks = [
    names,
    await compare('embedding', value, outputs.embedding),
    await compare('d/dx', toNchw(grad as tf.Tensor4D), gradients.x),
  ]
  tf.dispose([weights, images, cotangent, grad])
  return checks
}
