/** The demonstration: faces of some photos are protected, recovered as their owner would, and measured, one by one. */
import { basename, join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { writeFileAtomic, writeJsonAtomic } from '../atomic.ts'
import { type Recipe, stepsTaken } from '../config/recipe.ts'
import { type Image, readImage, toTensor, writeImage } from '../data/image.ts'
import { psnr } from '../eval/metrics/psnr.ts'
import type { Thresholds } from '../eval/thresholds.ts'
import { alignFace } from '../faces/align.ts'
import { type Box, intersectionOverUnion } from '../faces/box.ts'
import { detectFaces } from '../faces/detect.ts'
import { pasteFace } from '../faces/paste.ts'
import { loadRecognizer, type RecognizerName, recognizerNames } from '../faces/recognizers.ts'
import type { Similarity } from '../faces/similarity.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { protectedPaths, readProtected, recoveredPath, writeProtected } from '../protect/files.ts'
import { wrongKey } from '../protect/key.ts'
import type { FaceModel } from '../protect/model.ts'
import {
  facesOfPhoto,
  keyOfPhotoFace,
  type PhotoFace,
  protectPhotoFace,
  recoverFromKey,
  type UnboundKey,
} from '../protect/photo.ts'
import {
  type DemoMetrics,
  demoReport,
  type MeasuredFace,
  type MeasuredVersion,
  type ShownPhoto,
  type VersionKind,
} from './demo-report.ts'
import { dataUri } from './html.ts'

/** Side in pixels of the faces and width of the photos that the report shows. */
const shown = { face: 256, photo: 1000 }

/** What the demonstration works with. */
export interface DemoTools {
  readonly model: FaceModel
  readonly recognizers: Readonly<Record<RecognizerName, Recognizer>>
  readonly thresholds: Thresholds
  readonly recipes: { readonly anonymize: Recipe; readonly hide: Recipe }
  readonly backend: string
}

export interface DemoOptions {
  /** Paths of the photos. */
  readonly photos: readonly string[]
  /** Faces to protect: the surest of each photo in turn, then the second of each, and so on. */
  readonly count: number
  readonly out: string
  /** Told before each photo that faces are looked for in. */
  readonly onLook?: (photo: number, photos: number) => void
  /** Told often of the work on the faces, in a unit of its own. */
  readonly onProgress?: (done: number, total: number, note: string) => void
  /** Told after each face, when its report is on disk. */
  readonly onFace?: (done: number, total: number, report: string) => void
}

/** A photo with what has been made of it so far. */
interface WorkPhoto {
  readonly name: string
  readonly original: Image
  readonly faces: readonly PhotoFace[]
  readonly versions: readonly Version[]
  readonly done: DoneFace[]
}

interface DoneFace {
  readonly transform: Similarity
  readonly key: UnboundKey
  /** What the key on disk, and a wrong one, regenerate of it. */
  regenerated?: { readonly recovered: Image; readonly wrongKey: Image }
}

/** The photo in one of its versions. */
interface Version {
  readonly kind: VersionKind
  readonly title: string
  /** Where it is written; the one of the wrong key is not. */
  readonly path?: string
  image: Image
  /** For the report. */
  uri: string
}

/**
 * Runs the demonstration into the folder `out`: protected photos with their keys, recovered photos, report.html and
 * metrics.json. The report is rewritten whole after each face.
 * @throws UserError when a photo shows no face or `out` cannot be written
 */
export async function runDemo(tools: DemoTools, options: DemoOptions): Promise<DemoMetrics> {
  const { count, out, onLook, onProgress, onFace } = options
  const { model, thresholds, recipes, backend } = tools
  const photos: WorkPhoto[] = []
  const wanted = options.photos.slice(0, count)
  for (const [i, path] of wanted.entries()) {
    onLook?.(i + 1, wanted.length)
    photos.push(await openPhoto(tools, path, out))
  }
  const chosen = inTurn(photos, count)
  const report = join(out, 'report.html')
  const faces: { measured: MeasuredFace; pictures: string[] }[] = []
  const work = workOf(recipes)
  let done = 0
  const advance = (units: number, doing: string) => {
    done += units
    onProgress?.(done, work.face * chosen.length, `face ${faces.length + 1} of ${chosen.length}: ${doing}`)
  }
  for (const { photo, face } of chosen) {
    faces.push(await demonstrateFace(tools, photo, face, work, advance))
    const metrics: DemoMetrics = {
      model: { name: model.name, sha256: model.sha256 },
      backend,
      recipes,
      thresholds,
      planned: chosen.length,
      faces: faces.map(({ measured }) => measured),
    }
    const touched = photos.filter(({ done }) => done.length > 0)
    const pictures = {
      faces: faces.map(({ pictures }) => pictures),
      photos: await Promise.all(touched.map(describePhoto)),
    }
    await writeJsonAtomic(join(out, 'metrics.json'), metrics)
    await writeFileAtomic(report, demoReport(metrics, pictures))
    onFace?.(faces.length, chosen.length, report)
    if (faces.length === chosen.length) return metrics
  }
  throw new Error('runDemo: expected at least one photo and one face to do')
}

/** The surest face of each photo, then the second of each, and so on. */
function inTurn(photos: readonly WorkPhoto[], count: number): { photo: WorkPhoto; face: PhotoFace }[] {
  const bySureness = photos.map(photo => ({
    photo,
    faces: photo.faces.toSorted((p, q) => q.found.score - p.found.score),
  }))
  const rounds = Math.max(...bySureness.map(({ faces }) => faces.length))
  return Array.from({ length: rounds }, (_, round) =>
    bySureness.flatMap(({ photo, faces }) => (faces[round] ? [{ photo, face: faces[round] }] : [])),
  )
    .flat()
    .slice(0, count)
}

/** Where the versions of a photo are written: anonymized ones, the hidden one, and the one recovered from the first. */
export function demoPaths(path: string, { anonymize, hide }: DemoTools['recipes'], out: string) {
  const file = { path, folder: '' }
  const anonymized = protectedPaths(file, anonymize, { out })
  const [hidden] = protectedPaths(file, { ...hide, samples: 1 }, { out })
  return { anonymized, hidden: hidden!, recovered: recoveredPath({ path: anonymized[0]!, folder: '' }, out) }
}

async function openPhoto({ model, recipes }: DemoTools, path: string, out: string): Promise<WorkPhoto> {
  const original = await readImage(path)
  const version = (kind: VersionKind, title: string, path?: string): Version => ({
    kind,
    title,
    path,
    image: original,
    uri: '',
  })
  const { anonymized, hidden, recovered } = demoPaths(path, recipes, out)
  return {
    name: basename(path),
    original,
    faces: await facesOfPhoto(model, original),
    versions: [
      ...anonymized.map((path, i) =>
        version('anonymized', anonymized.length === 1 ? 'anonymized' : `anonymized ${i + 1}`, path),
      ),
      version('hidden', 'hidden', hidden),
      version('recovered', 'recovered', recovered),
      version('wrongKey', 'wrong key'),
    ],
    done: [],
  }
}

/** Protects one face, writes its photo's versions anew, recovers it by the key on disk and measures it all. */
async function demonstrateFace(
  { model, recognizers, recipes }: DemoTools,
  photo: WorkPhoto,
  face: PhotoFace,
  work: Work,
  advance: (units: number, doing: string) => void,
): Promise<{ measured: MeasuredFace; pictures: string[] }> {
  const seconds: Record<string, number> = {}
  const timed = async <T>(name: string, make: () => Promise<T>): Promise<T> => {
    const started = performance.now()
    const made = await make()
    seconds[name] = Number(((performance.now() - started) / 1000).toFixed(1))
    return made
  }
  const { anonymize, hide } = recipes
  const guides = { anonymize: await loadRecognizer(anonymize.guide), hide: await loadRecognizer(hide.guide) }
  advance(0, 'anonymizing')
  const samples = await timed('anonymize', () =>
    protectPhotoFace(model, guides.anonymize, face, anonymize, () => advance(work.anonymizeStep, 'anonymizing')),
  )
  const hidden = await timed('hide', () =>
    protectPhotoFace(model, guides.hide, face, { ...hide, samples: 1 }, () => advance(work.hideStep, 'hiding')),
  )
  advance(0, 'making the key')
  const done: DoneFace = {
    transform: face.transform,
    key: await timed('key', () => keyOfPhotoFace(model, face, anonymize)),
  }
  photo.done.push(done)
  advance(work.key, 'writing')
  const protectedFaces = [...samples, ...hidden]
  const protectedVersions = photo.versions.slice(0, protectedFaces.length)
  for (const [i, version] of protectedVersions.entries())
    version.image = pasteFace(version.image, protectedFaces[i]!, face.transform)
  await writeProtected(
    { faces: photo.done, photos: protectedVersions.map(({ image }) => image) },
    protectedVersions.map(({ path }) => path!),
  )

  // From here on as the owner of the key does it: from the files.
  const locked = await readProtected(photo.versions[0]!.path!)
  const key = locked.keys.at(-1)!
  advance(0, 'recovering')
  const [recovered] = await timed('recover', () => recoverFromKey(model, key))
  advance(work.recover, 'recovering with a wrong key')
  const [wrong] = await recoverFromKey(model, wrongKey(key, anonymize.seed))
  advance(work.recover, 'measuring')
  done.regenerated = { recovered: recovered!, wrongKey: wrong! }
  const protectedPhoto = await readImage(locked.bytes)
  for (const version of photo.versions.slice(protectedFaces.length)) {
    const kind = version.kind as 'recovered' | 'wrongKey'
    version.image = photo.done.reduce(
      (image, { regenerated, transform }) => pasteFace(image, regenerated![kind], transform),
      protectedPhoto,
    )
    if (version.path) await writeImage(version.path, version.image)
  }

  const cuts = [face.face]
  const pictures = [await portrait(photo.original, face)]
  const detected: boolean[] = []
  for (const version of photo.versions) {
    const seen = version.path ? await readImage(version.path) : version.image
    cuts.push((await alignFace(seen, face.found.landmarks, model.imageSize)).face)
    pictures.push(await portrait(seen, face))
    detected.push(await isFound(seen, face.found.box))
    version.uri = await dataUri(seen, shown.photo)
  }
  const similarities = await compare(recognizers, cuts)
  advance(work.measure, 'measured')
  const versions = photo.versions.map(
    ({ kind, title }, i): MeasuredVersion => ({
      kind,
      title,
      similarity: similarities[i]!,
      detected: detected[i]!,
      ...((kind === 'recovered' || kind === 'wrongKey') && { psnr: psnr(done.regenerated![kind], face.face) }),
    }),
  )
  const { index, found } = face
  return { measured: { photo: photo.name, face: index, box: found.box, seconds, versions }, pictures }
}

/** The face of a photo as the report shows it. */
async function portrait(photo: Image, { found }: PhotoFace): Promise<string> {
  return dataUri((await alignFace(photo, found.landmarks, shown.face)).face)
}

/** Whether the detector finds a face where one was: the boxes' intersection is more than half of their union. */
async function isFound(photo: Image, box: Box): Promise<boolean> {
  const faces = await detectFaces(photo, { inputSize: [256, 512], turned: false })
  return faces.some(face => intersectionOverUnion(face.box, box) > 0.5)
}

/** Cosine similarity of the first face to each of the others under every recognizer. */
async function compare(recognizers: DemoTools['recognizers'], faces: readonly Image[]) {
  const batch = tf.tidy(() => tf.concat(faces.map(toTensor)) as tf.Tensor4D)
  const similarities = faces.slice(1).map(() => ({}) as Record<RecognizerName, number>)
  for (const name of recognizerNames) {
    const cosines = tf.tidy(() => {
      const embeddings = recognizers[name].embed(batch)
      return tf.squeeze(tf.matMul(embeddings, tf.slice(embeddings, [0, 0], [1, -1]), false, true), [1])
    })
    const values = await cosines.data()
    cosines.dispose()
    for (const [i, similarity] of similarities.entries()) similarity[name] = values[i + 1]!
  }
  batch.dispose()
  return similarities
}

/** One photo of each kind: of several samples the first, and none of the wrong key. */
function isShown({ kind }: Version, i: number, all: readonly Version[]): boolean {
  return kind !== 'wrongKey' && all.findIndex(other => other.kind === kind) === i
}

/** A photo for the report: the original and each version, and where its faces are that were done. */
async function describePhoto({ name, original, versions, done, faces }: WorkPhoto): Promise<ShownPhoto> {
  const { width, height } = original
  const keys = new Set(done.map(({ key }) => key.face))
  return {
    name,
    width,
    height,
    faces: faces.filter(({ index }) => keys.has(index)).map(({ index, found }) => ({ face: index, box: found.box })),
    pictures: [
      { title: 'original', uri: await dataUri(original, shown.photo) },
      ...versions.filter(isShown).map(({ title, uri }) => ({ title, uri })),
    ],
  }
}

/** What the parts of the work on a face cost, in evaluations of the noise predictor, for the time left. */
interface Work {
  readonly anonymizeStep: number
  readonly hideStep: number
  readonly key: number
  readonly recover: number
  readonly measure: number
  readonly face: number
}

function workOf({ anonymize, hide }: DemoTools['recipes']): Work {
  // A guided step also decodes each sample, embeds it, and goes back through both.
  const guided = (samples: number) => 3 * samples + 1
  const { steps, refinements } = anonymize.recovery
  const work = {
    anonymizeStep: guided(anonymize.samples),
    hideStep: guided(1),
    key: steps * (1 + refinements),
    recover: steps,
    measure: 10,
  }
  const { anonymizeStep, hideStep, key, recover, measure } = work
  const face = stepsTaken(anonymize) * anonymizeStep + stepsTaken(hide) * hideStep + key + 2 * recover + measure
  return { ...work, face }
}
