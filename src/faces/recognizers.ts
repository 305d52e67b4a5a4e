/** Recognizers with their weights, by name: where the files are and what turns them into a network. */
import * as tf from '@tensorflow/tfjs'
import { z } from 'zod'
import { sha256, verify } from '#checksum'
import { packageFolder, repositoryPath } from '#paths'
import { weightsPath } from '#published'
import { readRegularText } from '#text-files'
import { type Image, toTensor } from '../images/image.ts'
import type { Shapes, Weights } from '../models/module.ts'
import { type DlibRecognizer, dlib, dlibNet, foldDlib } from '../models/recognizers/dlib.ts'
import { faceres, faceresNet, foldFaceres } from '../models/recognizers/faceres.ts'
import { facenet, inceptionResnetV1 } from '../models/recognizers/inception-resnet.ts'
import { arcface, irSe50 } from '../models/recognizers/ir-se50.ts'
import { mobileFaceNet, mobilefacenet } from '../models/recognizers/mobilefacenet.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { UserError } from '../util/errors.ts'
import { oncePer } from '../util/memoize.ts'
import { batchNormLayout, faceNetLayout } from '../weights/layouts.ts'
import { loadWeights } from '../weights/load.ts'
import { readTensors } from '../weights/open.ts'

/** What a recognizer is made of. */
export interface RecognizerNetwork<R extends Recognizer = Recognizer> {
  /** Of its network. */
  readonly parameters: Shapes
  /** The recognizer over weights for these parameters. */
  readonly over: (weights: Weights) => R
}

/** Every recognizer, whether its weights are at hand or not. */
export const recognizerNetworks = {
  dlib: { parameters: dlibNet().parameters, over: weights => dlib(weights) } as RecognizerNetwork<DlibRecognizer>,
  faceres: { parameters: faceresNet().parameters, over: weights => faceres(weights) } as RecognizerNetwork,
  mobilefacenet: {
    parameters: mobileFaceNet().parameters,
    over: weights => mobilefacenet(weights),
  } as RecognizerNetwork,
  'ir-se50': { parameters: irSe50().parameters, over: weights => arcface(weights) } as RecognizerNetwork,
  facenet: { parameters: inceptionResnetV1().parameters, over: weights => facenet(weights) } as RecognizerNetwork,
}

/** Those whose weights come with this project or its packages. */
export type RecognizerName = 'dlib' | 'faceres' | 'mobilefacenet'
/** Those too whose published weights have to be fetched. */
export type AnyRecognizerName = keyof typeof recognizerNetworks
type Loaded<Name extends AnyRecognizerName> = ReturnType<(typeof recognizerNetworks)[Name]['over']>

/** SHA-256 of each recognizer's weights file. */
const recognizerChecksums: Readonly<Record<RecognizerName, string>> = {
  dlib: 'b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589',
  faceres: '2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b',
  mobilefacenet: '8251b9450ee042af83da3a4f947a7218476f2aa53df7bc7fb786accd7b0c73de',
}

/** What the weights of the others are published as. */
const published: Readonly<Record<Exclude<AnyRecognizerName, RecognizerName>, string>> = {
  'ir-se50': 'arcface-ir-se50',
  facenet: 'facenet-vggface2',
}

const readers: Readonly<Record<AnyRecognizerName, () => Promise<Weights>>> = {
  dlib: async () => {
    const folder = `${packageFolder('@vladmandic/face-api')}/model`
    await verify(`${folder}/face_recognition_model.bin`, recognizerChecksums.dlib)
    return foldDlib(await readTensors(`${folder}/face_recognition_model-weights_manifest.json`))
  },
  faceres: async () => {
    const folder = `${packageFolder('@vladmandic/human')}/models`
    await verify(`${folder}/faceres.bin`, recognizerChecksums.faceres)
    return foldFaceres(await readTensors(`${folder}/faceres.json`))
  },
  mobilefacenet: async () => {
    const path = repositoryPath('assets/recognizers/mobilefacenet.safetensors')
    await verify(path, recognizerChecksums.mobilefacenet)
    return loadWeights(path, recognizerNetworks.mobilefacenet.parameters, { strict: true })
  },
  'ir-se50': async () => {
    const path = await weightsPath(published['ir-se50'])
    return loadWeights(path, recognizerNetworks['ir-se50'].parameters, { layout: batchNormLayout, strict: true })
  },
  facenet: async () => {
    const path = await weightsPath(published.facenet)
    return loadWeights(path, recognizerNetworks.facenet.parameters, { layout: faceNetLayout, strict: true })
  },
}

export const recognizerNames = Object.keys(recognizerChecksums) as RecognizerName[]

const load = oncePer(
  async (name: AnyRecognizerName): Promise<Recognizer> => recognizerNetworks[name].over(await readers[name]()),
)

/**
 * Loads a recognizer; its weights are read once a process.
 * @throws UserError when its weights are absent or not the ones that were meant
 */
export function loadRecognizer<Name extends AnyRecognizerName>(name: Name): Promise<Loaded<Name>> {
  return load(name) as Promise<Loaded<Name>>
}

/**
 * SHA-256 of a recognizer's weights file.
 * @throws UserError when it has not been fetched
 */
export async function recognizerChecksum(name: AnyRecognizerName): Promise<string> {
  if (name === 'ir-se50' || name === 'facenet') return sha256(await weightsPath(published[name]))
  return recognizerChecksums[name]
}

/** Cosine similarity of the first of some aligned faces to each of the others, under each recognizer by its name. */
export async function compareFaces(
  faces: readonly Image[],
  recognizers: readonly Recognizer[],
): Promise<Record<string, number>[]> {
  const batch = tf.tidy(() => tf.concat(faces.map(toTensor)) as tf.Tensor4D)
  const similarities = faces.slice(1).map((): Record<string, number> => ({}))
  for (const { name, embed } of recognizers) {
    const cosines = tf.tidy(() => {
      const embeddings = embed(batch)
      return tf.squeeze(tf.matMul(embeddings, tf.slice(embeddings, [0, 0], [1, -1]), false, true), [1])
    })
    const values = await cosines.data()
    cosines.dispose()
    for (const [i, similarity] of similarities.entries()) similarity[name] = values[i + 1]!
  }
  batch.dispose()
  return similarities
}

// Each recognizer's decision threshold, measured once on clean faces by `diff-privacy evaluate thresholds --write`.

export const thresholdsPath = repositoryPath('assets/recognizers/thresholds.json')

const share = z.number().min(0).max(1)

const thresholdSchema = z.strictObject({
  threshold: z.number().describe('two faces are taken for one person when their cosine similarity is above it'),
  far: share.describe('false accept rate: the share of impostor pairs that may be above the threshold'),
  tar: share.describe('true accept rate: the share of genuine pairs above it'),
  tarInterval: z.tuple([share, share]).describe("Wilson's 95 % interval of the true accept rate"),
  genuinePairs: z.int().positive(),
  impostorPairs: z.int().positive(),
  made: z.string().describe('of which faces, and when'),
})

/** Where a recognizer draws its line, and how good it is there. */
export type RecognizerThreshold = z.output<typeof thresholdSchema>

export type Thresholds = Record<RecognizerName, RecognizerThreshold>

/**
 * Reads the thresholds of all recognizers.
 * @throws UserError when there are none, or not of every recognizer
 */
export async function loadThresholds(path = thresholdsPath): Promise<Thresholds> {
  const remedy = "make them with 'diff-privacy evaluate thresholds --faces runs/data/lfw/test --write'"
  const text = await readRegularText(path).catch(() => {
    throw new UserError(`expected the recognizers' thresholds at ${path}, found no file: ${remedy}`)
  })
  try {
    return z.record(z.enum(recognizerNames), thresholdSchema).parse(JSON.parse(text))
  } catch {
    throw new UserError(
      `${path}: expected thresholds of ${recognizerNames.join(', ')}, found something else: ${remedy}`,
    )
  }
}
