import * as tf from '@tensorflow/tfjs'
import { loadNetwork, type Network } from '#face-api'
import type { Image } from '../images/image.ts'
import { oncePer } from '../util/memoize.ts'

/** What we use of face-api's classes: their forward passes, which ask their input only for a batch of pixels. */
interface Input {
  toBatchTensor(): tf.Tensor4D
}
/** A network of face-api in two parts: one that takes the input, and one that takes the first one's features. */
export interface FeatureReader<Output> extends Network {
  readonly faceFeatureExtractor: { forwardInput(input: Input): tf.Tensor4D }
  runNet(features: tf.Tensor4D): Output
}
interface SsdMobilenet extends Network {
  readonly params: { output_layer: { extra_dim: tf.Tensor3D } }
  forwardInput(input: Input): { boxes: tf.Tensor2D[]; scores: tf.Tensor1D[] }
}

/** Strides of the detector's six feature maps in input pixels, and anchors in each of their cells. */
const grids: readonly (readonly [stride: number, anchors: number])[] = [
  [16, 3],
  [32, 6],
  [64, 6],
  [128, 6],
  [256, 6],
  [512, 6],
]
const trainedSize = 512

/** The detector and the landmark network of @vladmandic/face-api (MIT), their weights on the backend in use. */
export interface FaceNetworks {
  /**
   * Where faces may be in one square picture whose side is a power of two.
   * @param x [1, s, s, 3] in 0..255
   * @returns boxes [anchors, (top, left, bottom, right)] in 0..1 and scores [anchors] in 0..1
   */
  detect(x: tf.Tensor4D): { boxes: tf.Tensor2D; scores: tf.Tensor1D }
  /**
   * The 68 landmarks of faces that fill their picture.
   * @param x [n, 112, 112, 3] in 0..255
   * @returns [n, 136], x and y by turns in 0..1
   */
  landmarks(x: tf.Tensor4D): tf.Tensor2D
}

const loadOn = oncePer((_backend: string) => load())

/** The networks on the backend in use, read from the package's folder once a backend. */
export function faceNetworks(): Promise<FaceNetworks> {
  return loadOn(tf.getBackend())
}

/** Files of the weights of `faceNetworks`. */
export const faceNetworkFiles = ['ssd_mobilenetv1_model.bin', 'face_landmark_68_model.bin']

/** Runs a network of face-api on a batch [n, h, w, 3] in 0..255. */
export function runOn<Output>(network: FeatureReader<Output>, x: tf.Tensor4D): Output {
  return network.runNet(network.faceFeatureExtractor.forwardInput({ toBatchTensor: () => x }))
}

async function load(): Promise<FaceNetworks> {
  const [ssd, landmarkNet] = await Promise.all([
    loadNetwork<SsdMobilenet>('SsdMobilenetv1'),
    loadNetwork<FeatureReader<tf.Tensor2D>>('FaceLandmark68Net'),
  ])
  const trainedAnchors = ssd.params.output_layer.extra_dim
  const shapes = cellAnchors((await trainedAnchors.data()) as Float32Array)

  return {
    detect: x =>
      tf.tidy(() => {
        const anchors = anchorGrid(shapes, x.shape[1])
        const sized = Object.create(ssd, { params: { value: { ...ssd.params, output_layer: { extra_dim: anchors } } } })
        const { boxes, scores } = (sized as SsdMobilenet).forwardInput({ toBatchTensor: () => x })
        return { boxes: boxes[0]!, scores: scores[0]! }
      }),
    landmarks: x => tf.tidy(() => runOn(landmarkNet, x)),
  }
}

/** The anchors [top, left, bottom, right] of the first cell of each feature map, in pixels from the cell's corner. */
export function cellAnchors(trained: Float32Array): number[][][] {
  let start = 0
  return grids.map(([stride, count]) => {
    const cell = Array.from({ length: count }, (_, i) =>
      Array.from(trained.subarray(4 * (start + i), 4 * (start + i + 1)), value => value * trainedSize),
    )
    start += count * (trainedSize / stride) ** 2
    return cell
  })
}

/**
 * Anchors for a square input of another side than the trained 512: the network is convolutional, so an anchor keeps its
 * size in pixels and only the number of cells changes.
 * @returns [1, anchors, (top, left, bottom, right)] in units of the side
 */
export function anchorGrid(cells: readonly number[][][], side: number): tf.Tensor3D {
  const values: number[] = []
  cells.forEach((cell, level) => {
    const stride = grids[level]![0]
    const count = Math.ceil(side / stride)
    for (let row = 0; row < count; row++) {
      for (let column = 0; column < count; column++) {
        const corner = [row * stride, column * stride, row * stride, column * stride]
        for (const anchor of cell) values.push(...anchor.map((value, i) => (value + corner[i]!) / side))
      }
    }
  })
  return tf.tensor3d(values, [1, values.length / 4, 4])
}

/** A picture as face-api's networks take it: [1, h, w, 3] in 0..255. */
export function pixels({ data, width, height }: Image): tf.Tensor4D {
  return tf.tensor4d(Float32Array.from(data), [1, height, width, 3])
}

/** Reads and frees a tensor. */
export async function read(tensor: tf.Tensor): Promise<Float32Array> {
  const values = (await tensor.data()) as Float32Array
  tensor.dispose()
  return values
}
