/** Networks of @vladmandic/face-api in a browser, with weights among the provided files. @see face-api.ts */
import * as tf from '@tensorflow/tfjs'
// Its imports are those of @tensorflow/tfjs, so that it shares our engine.
import * as faceApi from '@vladmandic/face-api/dist/face-api.esm-nobundle.js'
import { readProvided } from '../util/provided-files.ts'

export interface Network {
  loadFromWeightMap(weights: tf.NamedTensorMap): void
}

export type NetworkName = keyof typeof files

/** The manifest of each network's weights. */
const files = {
  SsdMobilenetv1: 'ssd_mobilenetv1_model',
  FaceLandmark68Net: 'face_landmark_68_model',
  FaceExpressionNet: 'face_expression_model',
  AgeGenderNet: 'age_gender_model',
} as const

const folder = 'node_modules/@vladmandic/face-api/model'

export async function loadNetwork<N extends Network>(name: NetworkName): Promise<N> {
  const network = new (faceApi as unknown as Record<NetworkName, new () => N>)[name]()
  const text = new TextDecoder().decode(await readProvided(`${folder}/${files[name]}-weights_manifest.json`))
  const read = (paths: string[]) => Promise.all(paths.map(async path => (await readProvided(path)).buffer))
  network.loadFromWeightMap(await tf.io.weightsLoaderFactory(read)(JSON.parse(text), folder))
  return network
}
