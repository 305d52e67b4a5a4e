import * as tf from '@tensorflow/tfjs'
import { verify } from '#checksum'
import { loadNetwork, type Network } from '#face-api'
import { packageFolder } from '#paths'
import type { Image } from '../images/image.ts'
import {
  type AgeGender,
  ageGender,
  ageGenderNet,
  denseFeaturesNet,
  type Expression,
  expressionNet,
  landmarks68,
  weightsOf,
} from '../models/face-api.ts'
import { type EyePoints, irisNet, irisReader } from '../models/iris.ts'
import { oncePer } from '../util/memoize.ts'
import { readTensors } from '../weights/open.ts'

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

// The networks that energies read, with their weights out of packages; differentiable on every backend.

/** Networks of @vladmandic/face-api (MIT), which take faces [n, 112, 112, 3] in 0..255, and one of MediaPipe (Apache-2.0). */
export interface EnergyNetworks {
  /** -> [n, 136], x and y by turns in 0..1. */
  landmarks(x: tf.Tensor4D): tf.Tensor2D
  expression(x: tf.Tensor4D): Expression
  ageGender(x: tf.Tensor4D): AgeGender
  /** Eyes [n, 64, 64, 3] in 0..1 -> their points. */
  iris(eyes: tf.Tensor4D): EyePoints
}

const energyNetworksOn = oncePer((_backend: string) => loadEnergyNetworks())

/**
 * The networks on the backend in use, read once a backend.
 * @throws UserError when a file of weights is absent or not the one that was meant
 */
export function energyNetworks(): Promise<EnergyNetworks> {
  return energyNetworksOn(tf.getBackend())
}

/** What the networks are made of: parameters, and what takes weights for them. */
export const energyNetworkParts = {
  landmarks: { parameters: denseFeaturesNet(136).parameters, over: landmarks68 },
  expression: { parameters: denseFeaturesNet(7).parameters, over: expressionNet },
  ageGender: { parameters: ageGenderNet().parameters, over: ageGender },
  iris: { parameters: irisNet().parameters, over: irisReader },
} as const

async function loadEnergyNetworks(): Promise<EnergyNetworks> {
  const [landmarks, expression, ages, iris] = await Promise.all([
    faceApiTensors('face_landmark_68_model', '4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b'),
    faceApiTensors('face_expression_model', '9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d'),
    faceApiTensors('age_gender_model', '49f92bbc0afef2342c4385e4a2b0acb6d7a727c6f0aa539499719a81acf9abaa'),
    humanTensors('iris', 'd7f296d184274213d4642681ae186112cbbec77fd2ab066257d3c56a1940bc71'),
  ])
  const { landmarks: points, expression: expressions, ageGender: people, iris: eyes } = energyNetworkParts
  return {
    landmarks: points.over(weightsOf(points.parameters, landmarks)),
    expression: expressions.over(weightsOf(expressions.parameters, expression)),
    ageGender: people.over(weightsOf(people.parameters, ages)),
    iris: eyes.over(weightsOf(eyes.parameters, iris)),
  }
}

const faceApiTensors = (model: string, sha256: string) =>
  tensorsOf('@vladmandic/face-api', 'model', model, '-weights_manifest.json', sha256)

const humanTensors = (model: string, sha256: string) => tensorsOf('@vladmandic/human', 'models', model, '.json', sha256)

async function tensorsOf(name: string, inside: string, model: string, manifest: string, sha256: string) {
  const folder = `${packageFolder(name)}/${inside}`
  await verify(`${folder}/${model}.bin`, sha256)
  return readTensors(`${folder}/${model}${manifest}`)
}
