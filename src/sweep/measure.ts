/** Measures a point: protects its faces one by one and compares each with its original. */
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { useBackend } from '../backend/index.ts'
import { guidesOf, seedOf } from '../config/recipe.ts'
import { checkFaceSize, FaceStore, readIndex } from '../data/face-store.ts'
import { stack } from '../eval/embeddings.ts'
import { computeRows, wholeFace } from '../eval/features/compute.ts'
import { foundFaces, surest } from '../eval/features/faces.ts'
import { embeddingOf } from '../eval/features/networks.ts'
import { acceptedShare, meanOf, shareOf } from '../eval/intervals.ts'
import { psnr } from '../eval/metrics/pixel-error.ts'
import { ssim } from '../eval/metrics/ssim.ts'
import { dot } from '../eval/metrics/vectors.ts'
import { chooseFaces } from '../eval/pairs.ts'
import { loadRecognizer, loadThresholds, recognizerNames, type Thresholds } from '../faces/recognizers.ts'
import { encodeImage } from '../images/codec.ts'
import { fromTensor, type Image, toTensor } from '../images/image.ts'
import { defineTask, type JobContext } from '../jobs/task.ts'
import { wrongKey } from '../keys/key.ts'
import { protectFace } from '../pipeline/face.ts'
import { type FaceModel, loadModelOnce } from '../pipeline/model.ts'
import { keyOfAlignedFace } from '../pipeline/photo-face.ts'
import { recoverFromKey } from '../pipeline/recover-photo.ts'
import { recognizerWeights, softwareOf } from '../pipeline/run-record.ts'
import { makeFolder, writeJsonAtomic } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { readRegularText } from '../util/regular-file.ts'
import type { Measure, PointFace, PointResult, PointTask } from './point.ts'

type Scores = PointFace['scores']

/**
 * Measures a point. Each face is kept in `scratch` as it is done, so that another attempt goes on there.
 * @throws UserError when the store holds other faces than were meant, or faces of another size
 */
export async function measurePoint(
  task: PointTask,
  { scratch, environment, onProgress }: JobContext,
): Promise<PointResult> {
  const { recipe, faces } = task
  const { faces: from = faces.from, backend: asked = recipe.backend } = environment
  const found = (await readIndex(from)).sha256
  if (found !== faces.sha256)
    throw new UserError(
      `expected faces of SHA-256 ${faces.sha256.slice(0, 12)}… in ${from}, found ${found.slice(0, 12)}…: name the folder of the same faces`,
    )
  const backend = await useBackend(asked)
  const model = await loadModelOnce(recipe.model)
  const store = await FaceStore.open(from)
  try {
    checkFaceSize(store, model)
    await makeFolder(scratch)
    const indices = chooseFaces(store.entries, faces.count, faces.seed)
    const measured: PointFace[] = []
    for (const index of indices) {
      onProgress(measured.length, indices.length)
      const kept = join(scratch, `${index}.json`)
      const image = { width: store.size, height: store.size, data: await store.bytes([index]) }
      const face = await readKept(kept, () => measureFace(task, model, image, store.entries[index]!.id))
      measured.push(face)
    }
    return {
      measures: summarise(measured, guidesOf(recipe), await loadThresholds()),
      faces: measured,
      software: await softwareOf(backend),
      weights: {
        [model.name]: model.sha256,
        ...(await recognizerWeights([...recognizerNames, ...guidesOf(recipe)])),
      },
    }
  } finally {
    await store.close()
  }
}

export const measurePointTask = defineTask('point', import.meta.url, measurePoint)

async function readKept(path: string, measure: () => Promise<PointFace>): Promise<PointFace> {
  try {
    return JSON.parse(await readRegularText(path))
  } catch {
    const face = await measure()
    await writeJsonAtomic(path, face)
    return face
  }
}

/** Protects one face and compares it with the original, as the bytes that a picture file would hold. */
async function measureFace(
  { recipe, recovery }: PointTask,
  model: FaceModel,
  original: Image,
  id: string,
): Promise<PointFace> {
  const started = performance.now()
  const face = toTensor(original)
  const made = await protectFace(model, await Promise.all(guidesOf(recipe).map(loadRecognizer)), face, recipe, {
    randomness: seedOf(recipe),
    identity: id,
  })
  const versions = await fromTensor(made)
  const seconds = (performance.now() - started) / 1000
  tf.dispose([face, made])
  const detections = (await computeRows(foundFaces, versions)).map(surest)
  return {
    id,
    scores: {
      ...(await cosines(original, versions)),
      detection: detections,
      detected: detections.map(score => Number(score > 0)),
      ssim: versions.map(version => ssim(original, version)),
      ...(recovery && (await recoveryScores(recipe, model, original))),
      seconds: [seconds],
    },
    pictures: await Promise.all(versions.map(async image => (await encodeImage(image, 'png')).toString('base64'))),
  }
}

/** Cosines of the original with each version under each recognizer, and of the versions with each other. */
async function cosines(original: Image, versions: readonly Image[]): Promise<Scores> {
  const faces = [original, ...versions].map(wholeFace)
  const scores: Record<string, number[]> = {}
  for (const name of recognizerNames) {
    const embeddings = stack(await computeRows(embeddingOf(name), faces))
    const cosine = (i: number, j: number) => dot(embeddings, i, embeddings, j)
    const places = versions.map((_, i) => i + 1)
    scores[`cosine.${name}`] = places.map(i => cosine(0, i))
    const between = places.flatMap(i => places.slice(i).map(j => cosine(i, j)))
    if (between.length > 0) scores[`between.${name}`] = between
  }
  return scores
}

/** What the face's key regenerates, and what a wrong one does. */
async function recoveryScores(recipe: PointTask['recipe'], model: FaceModel, original: Image): Promise<Scores> {
  const key = await keyOfAlignedFace(model, original, recipe)
  const [recovered] = await recoverFromKey(model, key)
  const [wrong] = await recoverFromKey(model, wrongKey(key, seedOf(recipe)))
  const named = (prefix: string, scores: Scores) =>
    Object.fromEntries(Object.entries(scores).map(([name, value]) => [`${prefix}.${name}`, value]))
  return {
    ...named('recovered', await cosines(original, [recovered!])),
    ...named('wrong-key', await cosines(original, [wrong!])),
    'recovered.psnr': [psnr(original, recovered!)],
  }
}

/** Means over all faces, and the share of faces that each recognizer takes for the person; people are drawn for intervals. */
function summarise(faces: readonly PointFace[], guides: readonly string[], thresholds: Thresholds): Measure[] {
  return Object.keys(faces[0]!.scores).flatMap((name): Measure[] => {
    const values = faces.flatMap(({ scores }) => scores[name]!)
    const people = faces.flatMap(({ id, scores }) => scores[name]!.map(() => [id]))
    const recognizer = recognizerNames.find(known => name.endsWith(`.${known}`))
    const role = recognizer && { role: guides.includes(recognizer) ? ('guide' as const) : ('judge' as const) }
    if (name === 'detected') return [{ name, ...shareOf(values.map(Boolean), people) }]
    const average: Measure = { name, ...meanOf(values, people), ...role }
    if (!recognizer || !name.includes('cosine.')) return [average]
    const accepted = acceptedShare(values, thresholds[recognizer].threshold, people)
    return [{ name: name.replace('cosine.', 'accepted.'), ...accepted, ...role }, average]
  })
}

/** What each kind of measure is; R is a recognizer. */
export const measureMeanings: readonly (readonly [name: string, meaning: string])[] = [
  ['cosine.R', 'Cosine similarity of the original and the protected face under recognizer R, the mean of all faces.'],
  ['accepted.R', 'Share of protected faces that R takes for the person on the original, at its threshold.'],
  ['between.R', 'Cosine similarity of two protected versions of one face, where there are several.'],
  ['detected, detection', 'Share of protected faces that the detector finds; its mean score, 0 where it finds none.'],
  ['ssim', 'Structural similarity of the original and the protected face.'],
  ['recovered.*, wrong-key.*', 'The same of what the key regenerates, and of what a wrong key does; PSNR in decibels.'],
  ['seconds', 'To protect one face, all its versions together, on the machine that did it.'],
  ['white box', 'The recognizer that guided: its verdict is no evidence that others would agree.'],
]

/** Names of all measures that a point can have. */
export function measureNames(recovery: boolean): string[] {
  const each = (prefix: string) =>
    recognizerNames.flatMap(name => [`${prefix}accepted.${name}`, `${prefix}cosine.${name}`])
  return [
    ...each(''),
    ...recognizerNames.map(name => `between.${name}`),
    ...['detected', 'detection', 'ssim'],
    ...(recovery ? [...each('recovered.'), 'recovered.psnr', ...each('wrong-key.')] : []),
    'seconds',
  ]
}
