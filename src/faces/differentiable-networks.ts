/** The networks that energies read, with their weights out of packages; differentiable on every backend. */
import * as tf from '@tensorflow/tfjs'
import { verify } from '#checksum'
import { packageFolder } from '#paths'
import { type AgeGender, ageGender, ageGenderNet } from '../models/age-gender.ts'
import { denseFeaturesNet, type Expression, expressionNet, landmarks68 } from '../models/dense-features.ts'
import { type EyePoints, irisNet, irisReader } from '../models/iris.ts'
import { weightsOf } from '../models/separable.ts'
import { oncePer } from '../util/memoize.ts'
import { readTensors } from '../weights/open.ts'

/** Networks of @vladmandic/face-api (MIT), which take faces [n, 112, 112, 3] in 0..255, and one of MediaPipe (Apache-2.0). */
export interface EnergyNetworks {
  /** -> [n, 136], x and y by turns in 0..1. */
  landmarks(x: tf.Tensor4D): tf.Tensor2D
  expression(x: tf.Tensor4D): Expression
  ageGender(x: tf.Tensor4D): AgeGender
  /** Eyes [n, 64, 64, 3] in 0..1 -> their points. */
  iris(eyes: tf.Tensor4D): EyePoints
}

const loadOn = oncePer((_backend: string) => load())

/**
 * The networks on the backend in use, read once a backend.
 * @throws UserError when a file of weights is absent or not the one that was meant
 */
export function energyNetworks(): Promise<EnergyNetworks> {
  return loadOn(tf.getBackend())
}

/** What the networks are made of: parameters, and what takes weights for them. */
export const energyNetworkParts = {
  landmarks: { parameters: denseFeaturesNet(136).parameters, over: landmarks68 },
  expression: { parameters: denseFeaturesNet(7).parameters, over: expressionNet },
  ageGender: { parameters: ageGenderNet().parameters, over: ageGender },
  iris: { parameters: irisNet().parameters, over: irisReader },
} as const

async function load(): Promise<EnergyNetworks> {
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
