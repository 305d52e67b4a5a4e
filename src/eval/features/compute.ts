/**
 * Computes each feature that some metric needs once for each content, in batches that alone are in memory: features of
 * pictures first, faces found in them among these, then features of the aligned faces and of pairs.
 */
import { createHash } from 'node:crypto'
import { faceSize, fivePoints, template } from '../../faces/template.ts'
import { invert, type Similarity, similarity, warp } from '../../faces/warp.ts'
import { readImage } from '../../images/codec.ts'
import type { Image } from '../../images/image.ts'
import { oncePer } from '../../util/memoize.ts'
import { comparedWith, type EvalSet, featureKeys } from '../eval-set.ts'
import type { Picture } from '../folders.ts'
import type { FeatureCache, FeatureTable } from './cache.ts'
import { centreOf, type FoundFace, foundFaces, nearest, readFaces } from './faces.ts'
import type {
  Alignment,
  FaceFeature,
  Feature,
  FeatureOf,
  LoadedFeature,
  PictureFeature,
  PicturePair,
} from './feature.ts'

/** Pictures in memory at a time. */
const batchSize = 16

/** A feature that some metric needs of a version and of the originals. */
export interface Need {
  readonly feature: Feature
  readonly version: string
}

/**
 * Fills the tables of what is needed, and finds where the faces are.
 * @param onProgress told after every batch how many rows of how many missing ones are there
 */
export async function computeFeatures(
  evalSet: EvalSet,
  needs: readonly Need[],
  onProgress: (done: number, total: number, feature: string) => void = () => {},
): Promise<void> {
  const versions = new Map<Feature, Set<string>>([[foundFaces, new Set(evalSet.versions.keys())]])
  for (const { feature, version } of needs)
    versions.set(feature, (versions.get(feature) ?? new Set<string>()).add(version))
  for (const kind of ['picture', 'face', 'pair'] as const) {
    const work = new Map<string, Work>()
    for (const [feature, wanted] of versions) {
      if (feature.of !== kind) continue
      // Each kind has inputs of its own type, which `inputsOf` makes.
      const loaded = (await loadOnce(feature)) as LoadedFeature<unknown>
      const table = await evalSet.cache.table(feature.name, loaded.checksum)
      evalSet.tables.set(feature, table)
      for (const [key, input] of inputsOf(evalSet, feature, wanted)) {
        if (table.has(key)) continue
        const one = work.get(key) ?? { key, input, features: [] }
        work.set(key, one)
        one.features.push({ loaded, table })
      }
    }
    await computeMissing([...work.values()], (done, total) => onProgress(done, total, titles[kind]))
    if (kind === 'picture') await findPlaces(evalSet)
  }
}

/** Rows of a feature of inputs that are in memory, which are not kept. */
export async function computeRows<Input>(feature: FeatureOf<Feature['of'], Input>, inputs: readonly Input[]) {
  const { compute } = (await loadOnce(feature as Feature)) as LoadedFeature<Input>
  return compute(inputs)
}

/** Rows of a feature of pictures that are in memory, kept by their pixels. */
export async function keptRows(
  cache: FeatureCache,
  feature: PictureFeature | FaceFeature,
  images: readonly Image[],
): Promise<Float32Array[]> {
  const { checksum, compute } = (await loadOnce(feature)) as LoadedFeature<Image>
  const table = await cache.table(feature.name, checksum)
  const keys = images.map(pixelKey)
  const missing = [...new Map(keys.map((key, i) => [key, images[i]!] as const)).entries()].filter(
    ([key]) => !table.has(key),
  )
  const rows = missing.length > 0 ? await compute(missing.map(([, image]) => image)) : []
  await table.add(missing.map(([key], i) => [key, rows[i]!] as const))
  return Promise.all(keys.map(key => table.get(key)))
}

const pixelKey = ({ width, height, data }: Image) =>
  createHash('sha256').update(`${width} x ${height}`).update(data).digest('hex')

/** A feature's networks, read once a process. */
const loadOnce = oncePer(async (feature: Feature) => feature.load())

const titles = { picture: 'pictures', face: 'faces', pair: 'pairs' } as const

/** An input, and the features that it has no row of yet: it is read and cut out once for all of them. */
interface Work {
  readonly key: string
  readonly input: () => Promise<unknown>
  readonly features: { readonly loaded: LoadedFeature<unknown>; readonly table: FeatureTable }[]
}

async function computeMissing(work: readonly Work[], onProgress: (done: number, total: number) => void): Promise<void> {
  for (let start = 0; start < work.length; start += batchSize) {
    const batch = work.slice(start, start + batchSize)
    const inputs = new Map(await Promise.all(batch.map(async ({ key, input }) => [key, await input()] as const)))
    const features = new Map(
      batch.flatMap(({ features }) => features.map(({ loaded, table }) => [loaded, table] as const)),
    )
    for (const [loaded, table] of features) {
      const keys = batch.filter(one => one.features.some(feature => feature.loaded === loaded)).map(({ key }) => key)
      const rows = await loaded.compute(keys.map(key => inputs.get(key)))
      await table.add(keys.map((key, i) => [key, rows[i]!] as const))
    }
    onProgress(start + batch.length, work.length)
  }
}

/** What each row of a feature is computed from, by key: what is there twice is computed once. */
function inputsOf(
  evalSet: EvalSet,
  feature: Feature,
  wanted: ReadonlySet<string>,
): Map<string, () => Promise<unknown>> {
  const inputs = new Map<string, () => Promise<unknown>>()
  const add = (keys: readonly (string | undefined)[], input: (i: number) => Promise<unknown>) => {
    for (const [i, key] of keys.entries()) if (key !== undefined) inputs.set(key, () => input(i))
  }
  for (const [version, sample] of versionSamples(evalSet)) {
    if (version !== 'original' && !wanted.has(version)) continue
    const pictures = evalSet.pictures(version, sample)
    const image = (i: number) => readImage(pictures[i]!.path)
    if (feature.of === 'picture') add(featureKeys(evalSet, feature, version, { sample }), image)
    if (feature.of === 'face')
      for (const alignment of feature.alignments) {
        const places = evalSet.placesOf(version, { sample, alignment })
        add(featureKeys(evalSet, feature, version, { sample, alignment }), async i =>
          cutFace(await image(i), places[i]!),
        )
      }
    if (feature.of === 'pair' && version !== 'original') {
      const places = evalSet.placesOf('original')
      const earlier = feature.amongSamples ? Array.from({ length: sample }, (_, against) => against) : []
      for (const against of [undefined, ...earlier]) {
        const which = { sample, against }
        const others = comparedWith(evalSet, version, which)
        add(
          featureKeys(evalSet, feature, version, which),
          async (i): Promise<PicturePair> => ({
            original: await readImage(others[i]!.path),
            version: await image(i),
            place: places[i]!,
            ...(evalSet.faces[i] && { landmarks: evalSet.faces[i].landmarks }),
          }),
        )
      }
    }
  }
  return inputs
}

function versionSamples(evalSet: EvalSet): [version: string, sample: number][] {
  return ['original', ...evalSet.versions.keys()].flatMap(version =>
    Array.from({ length: evalSet.sampleCount(version) }, (_, sample): [string, number] => [version, sample]),
  )
}

/** The aligned face at a place of a picture. */
export function cutFace(picture: Image, place: Similarity): Image {
  const isWhole = picture.width === faceSize && picture.height === faceSize && isIdentity(place)
  if (isWhole) return picture
  return warp(picture, invert(place), faceSize, faceSize)
}

const isIdentity = ({ a, b, tx, ty }: Similarity) => a === 1 && b === 0 && tx === 0 && ty === 0

/** Where each picture's face is by its own landmarks, and by the original's. */
async function findPlaces(evalSet: EvalSet): Promise<void> {
  const facesOf = async (version: string, sample = 0) =>
    (await evalSet.rows(foundFaces, version, { sample })).map(row => readFaces(row!))
  const inOriginals = (await facesOf('original')).map((faces, i) => nearest(faces, centreOf(evalSet.originals[i]!)))
  evalSet.faces = inOriginals
  const ownPlaces = inOriginals.map(placeOf)
  const places = evalSet.aligned ? evalSet.originals.map(wholePicture) : ownPlaces
  for (const [version, sample] of versionSamples(evalSet)) {
    const set = (alignment: Alignment, found: readonly (Similarity | undefined)[]) =>
      void evalSet.places.set(`${version}/${sample}/${alignment}`, found)
    set('original', places)
    if (version === 'original') set('own', ownPlaces)
    else {
      const faces = await facesOf(version, sample)
      const own = faces.map((found, i) => nearest(found, centreOf(inOriginals[i] ?? evalSet.originals[i]!)))
      set('own', own.map(placeOf))
    }
  }
}

function placeOf(face: FoundFace | undefined): Similarity | undefined {
  return face && similarity(fivePoints(face.landmarks), template(faceSize))
}

/** An aligned picture is its own face, whatever its size. */
function wholePicture({ width }: Pick<Picture, 'width'>): Similarity {
  return { a: faceSize / width, b: 0, tx: 0, ty: 0 }
}

/** An aligned picture at the size of features of faces. */
export function wholeFace(picture: Image): Image {
  return cutFace(picture, wholePicture(picture))
}
