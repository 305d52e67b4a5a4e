/** What is evaluated: pictures of people in several versions, and the features of each. */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import type { RecognizerThreshold } from '../faces/recognizers.ts'
import { type AnyRecognizerName, recognizerNames } from '../faces/recognizers.ts'
import type { Similarity } from '../faces/warp.ts'
import { UserError } from '../util/errors.ts'
import type { FeatureCache, FeatureTable } from './features/cache.ts'
import type { FoundFace } from './features/faces.ts'
import type { Alignment, Feature } from './features/feature.ts'
import { checkNames, identifyPicture, listPictures, listSamples, type Picture } from './folders.ts'
import type { Manifest, ManifestPicture } from './manifest.ts'

/** One picture under its name in all folders. */
export interface EvalItem {
  readonly name: string
  readonly identity: string
  /** What the manifest says of it. */
  readonly about?: ManifestPicture
}

/**
 * What a version is: protected; recovered with the right key; a control, recovered with what should not recover anything; or
 * a guess, recovered by an attacker from the protected picture alone.
 */
export type VariantKind = 'protected' | 'recovered' | 'control' | 'guess'

/** The pictures of one version, by sample and case. */
export interface Variant {
  readonly name: string
  readonly kind: VariantKind
  readonly samples: readonly (readonly Picture[])[]
}

/** Where the pictures of a version are: a folder for each sample. */
export interface VariantFolders {
  readonly name: string
  readonly kind: VariantKind
  readonly folders: readonly string[]
}

export interface EvalSetOptions {
  readonly originals: string
  readonly versions: readonly VariantFolders[]
  readonly manifest?: Manifest
  /** These pictures alone, of more in the folders. */
  readonly names?: readonly string[]
  /** Recognizers that compare faces; those whose weights come with the project by default. */
  readonly recognizers?: readonly AnyRecognizerName[]
  /** Recognizers that were guides; as the manifest says by default. */
  readonly guides?: readonly string[]
  /** Originals are aligned faces; as the manifest says by default. */
  readonly aligned?: boolean
  /** Recognizers' thresholds that were found on other faces. */
  readonly calibration?: Calibration
}

/** Thresholds by recognizer. */
export type Calibration = Readonly<Record<string, Pick<RecognizerThreshold, 'threshold' | 'far'>>>

/** Which pictures of a version, and how their faces are cut out. */
export interface Which {
  /** 0 by default. */
  readonly sample?: number
  /** 'original' by default; matters to features of faces alone. */
  readonly alignment?: Alignment
  /** An earlier sample that a feature of pairs compares this one with, instead of the original. */
  readonly against?: number
}

type EvalSetParts = Pick<
  EvalSet,
  | 'cases'
  | 'identitiesKnown'
  | 'originals'
  | 'versions'
  | 'recognizers'
  | 'guides'
  | 'aligned'
  | 'manifest'
  | 'calibration'
  | 'cache'
>

export class EvalSet {
  /** Tables of the features that were computed. */
  readonly tables = new Map<Feature, FeatureTable>()
  /** Where faces are: 'VERSION/SAMPLE/ALIGNMENT' -> by case what takes the picture's coordinates to the aligned face's. */
  readonly places = new Map<string, readonly (Similarity | undefined)[]>()
  /** By case the face of the original that counts, where one was found. */
  faces: readonly (FoundFace | undefined)[] = []

  readonly cases: readonly EvalItem[]
  /** False when each picture counts as a person of its own because nothing says who is who. */
  readonly identitiesKnown: boolean
  readonly originals: readonly Picture[]
  readonly versions: ReadonlyMap<string, Variant>
  readonly recognizers: readonly AnyRecognizerName[]
  readonly guides: ReadonlySet<string>
  readonly aligned: boolean
  readonly manifest: Manifest | undefined
  readonly calibration: Calibration
  readonly cache: FeatureCache

  private constructor(parts: EvalSetParts) {
    this.cases = parts.cases
    this.identitiesKnown = parts.identitiesKnown
    this.originals = parts.originals
    this.versions = parts.versions
    this.recognizers = parts.recognizers
    this.guides = parts.guides
    this.aligned = parts.aligned
    this.manifest = parts.manifest
    this.calibration = parts.calibration
    this.cache = parts.cache
  }

  /**
   * Finds the pictures of all folders. Identities come from the manifest, or else from the pictures' sub-folders.
   * @param cache where features are kept
   * @throws UserError when folders do not hold the same names, sizes differ, or the manifest is of other pictures
   */
  static async open(options: EvalSetOptions, cache: FeatureCache): Promise<EvalSet> {
    const { originals: folder, versions, manifest, guides = manifest?.guides ?? [] } = options
    const { recognizers = recognizerNames } = options
    const files = await picturesNamed(folder, options.names)
    const names = [...files.keys()]
    const about = new Map(manifest?.pictures.map(picture => [picture.name, picture]))
    if (manifest) checkNames({ folder, names }, { folder: 'the manifest', names: about.keys() })
    const inFolders = names.some(name => name.includes('/'))
    const cases = names.map(name => {
      const known = about.get(name)
      return { name, identity: known?.identity ?? (inFolders ? dirname(name) : name), ...(known && { about: known }) }
    })
    const originals = await identifyAll([...files.values()])
    const opened = new Map<string, Variant>()
    for (const { name, kind, folders } of versions) {
      const samples: Picture[][] = []
      for (const sample of folders) {
        for (const found of await listSamples(sample, names)) {
          const named = only(found, options.names)
          checkNames({ folder, names }, { folder: sample, names: named.keys() })
          const pictures = await identifyAll(names.map(picture => named.get(picture)!))
          checkSizes(originals, pictures)
          samples.push(pictures)
        }
      }
      opened.set(name, { name, kind, samples })
    }
    const aligned = options.aligned ?? manifest?.aligned ?? false
    const known = manifest !== undefined || inFolders
    return new EvalSet({
      cases,
      identitiesKnown: known,
      originals,
      versions: opened,
      recognizers,
      guides: new Set(guides),
      aligned,
      manifest,
      calibration: options.calibration ?? {},
      cache,
    })
  }

  /** The pictures of a version, 'original' or one of `versions`, in the order of `cases`. */
  pictures(version: string, sample = 0): readonly Picture[] {
    const found = version === 'original' ? this.originals : this.versions.get(version)?.samples[sample]
    if (!found) throw new Error(`EvalSet: no sample ${sample} of a version '${version}'`)
    return found
  }

  /** How many samples a version has. */
  sampleCount(version: string): number {
    return version === 'original' ? 1 : this.versions.get(version)!.samples.length
  }

  role(recognizer: string): 'guide' | 'judge' {
    return this.guides.has(recognizer) ? 'guide' : 'judge'
  }

  /** Where the face is in each picture; undefined where none was found. */
  placesOf(version: string, { sample = 0, alignment = 'original' }: Which = {}): readonly (Similarity | undefined)[] {
    const found = this.places.get(`${version}/${sample}/${alignment}`)
    if (!found) throw new Error(`EvalSet: no places of ${version}/${sample}/${alignment}`)
    return found
  }

  /** Whether a feature was computed of a version: each picture's row is there, or no face was found in it. */
  hasRows(feature: Feature, version: string): boolean {
    const table = this.tables.get(feature)
    return (
      table !== undefined && featureKeys(this, feature, version, {}).every(key => key === undefined || table.has(key))
    )
  }

  /** A feature's row for each case; undefined where it has none because no face was found. */
  async rows(feature: Feature, version: string, which: Which = {}): Promise<(Float32Array | undefined)[]> {
    const table = this.tables.get(feature)
    if (!table) throw new Error(`EvalSet: feature '${feature.name}' was not computed`)
    const keys = featureKeys(this, feature, version, which)
    return Promise.all(keys.map(async key => (key === undefined ? undefined : table.get(key))))
  }
}

/** What a feature's rows are called in its table, by case; undefined where no face was found. */
export function featureKeys(evalSet: EvalSet, feature: Feature, version: string, which: Which): (string | undefined)[] {
  const pictures = evalSet.pictures(version, which.sample)
  if (feature.of === 'picture') return pictures.map(({ hash }) => hash)
  if (feature.of === 'face') {
    const places = evalSet.placesOf(version, which)
    return pictures.map(({ hash }, i) => places[i] && keyOf(hash, placeName(places[i])))
  }
  const places = evalSet.placesOf('original')
  const others = comparedWith(evalSet, version, which)
  return pictures.map(({ hash }, i) => places[i] && keyOf(others[i]!.hash, hash, placeName(places[i])))
}

/** What a version's pictures are compared with: their originals, or another of its samples. */
export function comparedWith(evalSet: EvalSet, version: string, { against }: Which): readonly Picture[] {
  return against === undefined ? evalSet.originals : evalSet.pictures(version, against)
}

const keyOf = (...parts: readonly string[]) => createHash('sha256').update(parts.join('/')).digest('hex')

/** A place of a face as keys of what is kept name it. */
export const placeName = ({ a, b, tx, ty }: Similarity) => [a, b, tx, ty].map(value => value.toPrecision(9)).join(',')

/** The pictures of a folder, all or those of some names. */
async function picturesNamed(folder: string, names?: readonly string[]): Promise<Map<string, string>> {
  return only(await listPictures(folder), names)
}

function only(pictures: Map<string, string>, names: readonly string[] = [...pictures.keys()]): Map<string, string> {
  const wanted = new Set(names)
  return new Map([...pictures].filter(([name]) => wanted.has(name)))
}

async function identifyAll(paths: readonly string[]): Promise<Picture[]> {
  const pictures: Picture[] = []
  for (const path of paths) pictures.push(await identifyPicture(path))
  return pictures
}

function checkSizes(originals: readonly Picture[], others: readonly Picture[]): void {
  for (const [i, { path, width, height }] of others.entries()) {
    const original = originals[i]!
    if (width !== original.width || height !== original.height)
      throw new UserError(
        `expected ${path} of ${original.width} x ${original.height} pixels as its original, found ${width} x ${height}: ` +
          'resize one of the two folders first, and say so beside the numbers',
      )
  }
}
