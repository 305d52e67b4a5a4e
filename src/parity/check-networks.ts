/** Networks from images to one tensor: recognizers and the face parser. */
import * as tf from '@tensorflow/tfjs'
import { bytesToTensor } from '../images/image.ts'
import { bisenet } from '../models/bisenet.ts'
import { type FidResizeName, fidInception, fidInput, fidResizes } from '../models/fid-inception.ts'
import { type LpipsTrunk, lpips } from '../models/lpips.ts'
import type { Module, Weights } from '../models/module.ts'
import { inceptionResnetV1 } from '../models/recognizers/inception-resnet.ts'
import { irSe50 } from '../models/recognizers/ir-se50.ts'
import {
  type Check,
  checkOver,
  compare,
  compareParameters,
  type GoldenFile,
  type GoldenInput,
  imageInput,
  input,
  networkTolerance,
  proceduralWeights,
  relativeError,
  toNchw,
} from './golden.ts'
import { proceduralPicture } from './procedural.ts'

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

interface FidConfig {
  /** Of the convolutions' procedural weights. */
  gain: number
  pictures: [width: number, height: number][]
}

/** The features of a picture of each size, made the network's input as each implementation of FID does. */
export async function checkFidInception({
  config: { gain, pictures },
  parameters,
  outputs,
}: GoldenFile<FidConfig>): Promise<Check[]> {
  const network = fidInception()
  const compute = async (weights: Weights) => {
    const checks: Check[] = []
    for (const resize of Object.keys(fidResizes) as FidResizeName[])
      for (const [width, height] of pictures) {
        const what = `${resize} ${width}x${height}`
        const bytes = proceduralPicture(`fid-inception:${width}x${height}`, width, height)
        const features = tf.tidy(() => network(weights, fidInput(bytesToTensor(bytes, [1, height, width, 3]), resize)))
        checks.push(await compare(what, features, outputs[what]))
      }
    return checks
  }
  return checkOver(network.parameters, parameters, compute, gain)
}

interface LpipsGoldenFile {
  config: { gain: number; sizes: [width: number, height: number][] }
  trunks: Record<
    LpipsTrunk,
    {
      parameters: Record<string, number[]>
      /** By size: of two pictures, and of the first and itself mixed with a tenth of the second. */
      distances: [number, number][]
    }
  >
}

/** The distances of pictures by every trunk; the linear layers have the absolute values of their procedural weights. */
export async function checkLpips({ config: { gain, sizes }, trunks }: LpipsGoldenFile): Promise<Check[]> {
  const checks: Check[] = []
  for (const [trunk, { parameters, distances }] of Object.entries(trunks)) {
    const network = lpips(trunk as LpipsTrunk)
    const names = compareParameters(network.parameters, parameters)
    checks.push({ ...names, what: `${trunk}: ${names.what}` })
    if (names.relativeError > 0) continue
    const weights = tf.tidy(() => {
      const made = proceduralWeights(network.parameters, gain)
      const linear = Object.entries(made).filter(([name]) => name.startsWith('lin'))
      return { ...made, ...Object.fromEntries(linear.map(([name, value]) => [name, tf.abs(value)])) }
    })
    for (const [i, [width, height]] of sizes.entries()) {
      const distance = tf.tidy(() => {
        const [x, y] = ['x', 'y'].map(side => {
          const name = `lpips:${side}${width}x${height}`
          return bytesToTensor(proceduralPicture(name, width, height), [1, height, width, 3])
        }) as [tf.Tensor4D, tf.Tensor4D]
        const near = tf.add(tf.mul(x, 0.9), tf.mul(y, 0.1)) as tf.Tensor4D
        return network(weights, tf.concat([x, x]), tf.concat([y, near]))
      })
      const found = await distance.data()
      distance.dispose()
      for (const [k, pair] of ['different', 'near'].entries()) {
        const what = `${trunk}: ${pair} pictures of ${width} x ${height}`
        const error = relativeError([found[k]!], [distances[i]![k]!])
        checks.push({ what, relativeError: error, tolerance: networkTolerance })
      }
    }
    tf.dispose(weights)
  }
  return checks
}
