/**
 * Quality of a model before it protects anybody: how much its autoencoder keeps of held-out people, and how
 * close faces sampled from noise are to photos.
 */
import * as tf from '@tensorflow/tfjs'
import type { FaceStore } from '../../data/face-store.ts'
import type { RecognizerName, RecognizerThreshold } from '../../faces/recognizers.ts'
import { readImage } from '../../images/codec.ts'
import { fromTensor, type Image, toTensor } from '../../images/image.ts'
import type { FaceModel } from '../../pipeline/model.ts'
import { reconstruct } from '../../pipeline/recovery.ts'
import { RandomStream } from '../../util/random.ts'
import { stack } from '../embeddings.ts'
import type { Evaluation, Row } from '../evaluation.ts'
import type { FeatureCache } from '../features/cache.ts'
import { keptRows, wholeFace } from '../features/compute.ts'
import type { FaceFeature, PictureFeature } from '../features/feature.ts'
import type { DistributionNetwork } from '../features/inception.ts'
import { embeddingOf } from '../features/networks.ts'
import { changeOf, intervalDefinition, meanOf, shareOf } from '../intervals.ts'
import { detectionRateDefinition, detectors, isFound } from '../metrics/detection.ts'
import { distanceDefinitions, distances } from '../metrics/distributions.ts'
import { psnr, psnrDefinition } from '../metrics/pixel-error.ts'
import { ssim, ssimDefinition } from '../metrics/ssim.ts'
import { tarAtFarDefinition } from '../metrics/tar-at-far.ts'
import { dot } from '../metrics/vectors.ts'
import { acceptChangeDefinition } from '../metrics/verification.ts'
import { genuineCap, genuinePairs, type Pair } from '../pairs.ts'

/** Pictures in memory at a time. */
const batchSize = 16

/** Faces of a store. */
export interface ChosenFaces {
  readonly store: FaceStore
  readonly indices: readonly number[]
}

export interface ModelQualityOptions {
  readonly model: FaceModel
  /** Photos of held-out people, the reference of all comparisons. */
  readonly held: ChosenFaces
  /** As many photos of other people: the distance between two sets of photos is the best possible value. */
  readonly others?: ChosenFaces
  /** Paths of as many sampled faces. */
  readonly drawn: readonly string[]
  /** Most pairs of two photos of one person, from all of the store of `held`, and the seed that chooses them. */
  readonly pairs: number
  readonly seed: number
  readonly recognizers: readonly RecognizerName[]
  /** Recognizers that the model was trained with. */
  readonly guides: readonly string[]
  readonly thresholds: Readonly<Record<string, Pick<RecognizerThreshold, 'threshold' | 'far'>>>
  readonly network: DistributionNetwork
  /** Where features are kept: what was measured before is not measured again. */
  readonly cache: FeatureCache
  /** Told of the pictures of each set that are measured. */
  readonly onProgress?: (done: number, total: number, set: string) => void
}

/** Rows of the tables. */
const names = { reconstructed: 'reconstructed', drawn: 'drawn from noise', others: 'photos of other people' } as const

type Found = Omit<Row, 'method'>

/** The result has the shape of an evaluation of one method: its tables and its report serve here, too. */
export async function measureModel(options: ModelQualityOptions): Promise<Evaluation> {
  const { model, held, others, guides, recognizers } = options
  const identity = await measureIdentity(options)
  const sets = await measureSets(options)
  const versions = [names.reconstructed, names.drawn, ...(others ? [names.others] : [])]
  return {
    method: model.name,
    versions: versions.map(name => ({ name, kind: 'protected', samples: 1 })),
    pictures: held.indices.length,
    people: new Set(peopleOf(held).flat()).size,
    recognizers,
    guides,
    originals: 'held-out people',
    made: { weights: { [model.name]: model.sha256 } },
    values: [...identity.values, ...sets.values].map(value => ({ method: model.name, ...value })),
    definitions: [
      intervalDefinition,
      psnrDefinition,
      ssimDefinition,
      detectionRateDefinition,
      ...distanceDefinitions,
      tarAtFarDefinition,
      acceptChangeDefinition,
    ],
    plots: [],
    notes: [...identity.notes, ...sets.notes],
    ranked: [],
  }
}

/** What reconstruction of the second photo does to pairs of two photos of one person. */
async function measureIdentity(options: ModelQualityOptions): Promise<{ values: Found[]; notes: string[] }> {
  const { model, held, recognizers, guides, thresholds, cache, onProgress = () => {} } = options
  const { store } = held
  const pairs = somePairs(genuinePairs(store.entries, genuineCap), options)
  if (pairs.length === 0) return { values: [], notes: ['Nobody has two photos: no true accept rate was measured.'] }
  const features = recognizers.map(embeddingOf)
  const faces = [...new Set(pairs.flat())]
  const seconds = [...new Set(pairs.map(([, second]) => second))]
  const whole =
    (read: Read): Read =>
    async places =>
      (await read(places)).map(wholeFace)
  const photos = await rowsOf(
    cache,
    features,
    faces.length,
    whole(readFaces({ store, indices: faces })),
    (done, total) => onProgress(done, total, 'pairs'),
  )
  const back = whole(reconstructed(model, readFaces({ store, indices: seconds })))
  const treated = await rowsOf(cache, features, seconds.length, back, (done, total) =>
    onProgress(done, total, 'pairs, reconstructed'),
  )
  const [photoAt, treatedAt] = [faces, seconds].map(of => new Map(of.map((face, i) => [face, i])))
  const people = pairs.map(([face]) => [store.entries[face]!.identity])
  const values = recognizers.flatMap((recognizer, k): Found[] => {
    const { threshold, far } = thresholds[recognizer]!
    const [vectors, changed] = [stack(photos[k]!), stack(treated[k]!)]
    const first = ([a]: Pair) => photoAt!.get(a)!
    const before = pairs.map(pair => dot(vectors, first(pair), vectors, photoAt!.get(pair[1])!) > threshold)
    const after = pairs.map(pair => dot(vectors, first(pair), changed, treatedAt!.get(pair[1])!) > threshold)
    const about = {
      group: 'identity',
      version: names.reconstructed,
      recognizer,
      role: guides.includes(recognizer) ? 'guide' : 'judge',
      alignment: 'original',
      threshold,
      far,
      thresholdFrom: 'calibration',
    } as const
    const of = `original and ${names.reconstructed} of another picture of the person`
    return [
      {
        definition: tarAtFarDefinition.id,
        of: 'two originals of one person',
        ...shareOf(before, people),
        ...about,
      },
      { definition: tarAtFarDefinition.id, of, ...shareOf(after, people), ...about },
      { definition: acceptChangeDefinition.id, of, ...changeOf(before, after, people), ...about },
    ]
  })
  return { values, notes: [] }
}

/** An even choice of pairs. */
function somePairs(all: readonly Pair[], { pairs, seed }: ModelQualityOptions): Pair[] {
  const order = new RandomStream(seed, 'pairs of one person').permutation(all.length)
  return Array.from(order.subarray(0, pairs), i => all[i]!)
}

/** Reconstructed, drawn and other people's faces, as sets, beside photos of held-out people. */
async function measureSets(options: ModelQualityOptions): Promise<{ values: Found[]; notes: string[] }> {
  const { model, held, others, drawn, network, cache, onProgress = () => {} } = options
  const saying = (set: string) => (done: number, total: number) => onProgress(done, total, set)
  const values: Found[] = []
  const notes: string[] = []
  const features = [network.feature, ...detectors.map(({ feature }) => feature)]
  const [originals, ...inOriginals] = await rowsOf(
    cache,
    features,
    held.indices.length,
    readFaces(held),
    saying('originals'),
  )
  const found = (version: string, of: string, rows: readonly Float32Array[][], people: readonly [string][]) => {
    for (const [i, detector] of detectors.entries())
      values.push({
        definition: detectionRateDefinition.id,
        group: 'utility',
        version,
        of,
        ...shareOf(
          rows[i]!.map(row => isFound(detector, row)),
          people,
        ),
        network: detector.network,
      })
  }
  const measure = async (version: string, read: Read, people: readonly [string][]) => {
    const [made, ...inMade] = await rowsOf(cache, features, people.length, read, saying(version))
    found(version, version, inMade, people)
    const about = { group: 'quality', version, n: people.length, network: network.name } as const
    const far = distances(stack(originals!), stack(made!))
    values.push(...far.values.map(([definition, value]) => ({ definition, value, ...about })))
    notes.push(...far.notes.map(note => `${version}: ${note}`))
  }

  const likeness: { psnr: number; ssim: number }[] = []
  const compare = reconstructed(model, readFaces(held), (original, back) =>
    likeness.push({ psnr: psnr(original, back), ssim: ssim(original, back) }),
  )
  const people = peopleOf(held)
  await measure(names.reconstructed, compare, people)
  found(names.reconstructed, 'originals', inOriginals, people)
  for (const { id } of [psnrDefinition, ssimDefinition]) {
    const each = likeness.map(pair => pair[id as keyof typeof pair])
    values.push({ definition: id, group: 'quality', version: names.reconstructed, ...meanOf(each, people) })
  }
  await measure(
    names.drawn,
    places => Promise.all(places.map(place => readImage(drawn[place]!))),
    drawn.map(path => [path]),
  )
  if (others) await measure(names.others, readFaces(others), peopleOf(others))
  return { values, notes }
}

/** Reads pictures of a set by their places in it. */
type Read = (places: readonly number[]) => Promise<Image[]>

function readFaces({ store, indices }: ChosenFaces): Read {
  const { size } = store
  return places =>
    Promise.all(places.map(async place => ({ width: size, height: size, data: await store.bytes([indices[place]!]) })))
}

/** What the autoencoder makes of pictures; `onPair` is shown each beside its own. */
function reconstructed(model: FaceModel, read: Read, onPair: (original: Image, back: Image) => void = () => {}): Read {
  return async places => {
    const originals = await read(places)
    const faces = tf.tidy(() => reconstruct(model, tf.concat(originals.map(toTensor))))
    const back = await fromTensor(faces)
    faces.dispose()
    for (const [i, image] of back.entries()) onPair(originals[i]!, image)
    return back
  }
}

/** Rows of features, by feature and place. */
async function rowsOf(
  cache: FeatureCache,
  features: readonly (PictureFeature | FaceFeature)[],
  count: number,
  read: Read,
  onProgress: (done: number, total: number) => void,
): Promise<Float32Array[][]> {
  const rows: Float32Array[][] = features.map(() => [])
  for (let start = 0; start < count; start += batchSize) {
    const places = Array.from({ length: Math.min(batchSize, count - start) }, (_, i) => start + i)
    const images = await read(places)
    for (const [k, feature] of features.entries()) rows[k]!.push(...(await keptRows(cache, feature, images)))
    onProgress(start + places.length, count)
  }
  return rows
}

const peopleOf = ({ store, indices }: ChosenFaces): [string][] => indices.map(index => [store.entries[index]!.identity])
