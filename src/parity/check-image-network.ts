/** Networks from images to one tensor: recognizers and the face parser. */
import * as tf from '@tensorflow/tfjs'
import { bisenet } from '../models/bisenet.ts'
import type { Module } from '../models/module.ts'
import { inceptionResnetV1 } from '../models/recognizers/inception-resnet.ts'
import { irSe50 } from '../models/recognizers/ir-se50.ts'
import {
  type Check,
  checkOver,
  compare,
  type GoldenFile,
  type GoldenInput,
  imageInput,
  input,
  toNchw,
} from './golden.ts'

/** Checks unit embeddings of images. */
export const checkIrSe50 = (golden: GoldenFile) => check(irSe50(), golden)
/** Checks unit embeddings of images. */
export const checkFacenet = (golden: GoldenFile) => check(inceptionResnetV1(), golden)
/** Checks scores of the parts of faces. */
export const checkBisenet = (golden: GoldenFile) => check(bisenet(), golden)

/** The one output of the file, and where it has it the gradient of sum(output * cotangent) with respect to the images. */
async function check(
  network: Module<[tf.Tensor4D], tf.Tensor>,
  { parameters, inputs, outputs, gradients }: GoldenFile,
): Promise<Check[]> {
  const [[name, expected]] = Object.entries(outputs) as [[string, GoldenFile['outputs'][string]]]
  return checkOver(network.parameters, parameters, async weights => {
    const images = imageInput(inputs.x as GoldenInput)
    const checks: Check[] = []
    if (gradients) {
      const cotangent = tf.tidy(() => fromReference(input(inputs.cotangent as GoldenInput)))
      const { value, grad } = tf.valueAndGrad(x => network(weights, x as tf.Tensor4D))(images, cotangent)
      checks.push(await compare(name, toReference(value), expected))
      checks.push(await compare('d/dx', toReference(grad), gradients.x))
      tf.dispose([value, grad, cotangent])
    } else {
      const value = network(weights, images)
      checks.push(await compare(name, toReference(value), expected))
      value.dispose()
    }
    images.dispose()
    return checks
  })
}

/** A tensor of ours in PyTorch's layout, and one of PyTorch's in ours: images differ, embeddings do not. */
const toReference = (x: tf.Tensor) => (x.rank === 4 ? toNchw(x as tf.Tensor4D) : x.clone())
const fromReference = (x: tf.Tensor) => (x.rank === 4 ? tf.transpose(x, [0, 2, 3, 1]) : x.clone())
