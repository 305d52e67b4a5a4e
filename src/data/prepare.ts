/** From pictures to face stores: finds, aligns and caches the face of every picture, and says what it dropped and why. */
import { createHash } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { useBackend } from '../backend/index.ts'
import { readImage } from '../images/codec.ts'
import type { Image } from '../images/image.ts'
import { defineTask } from '../jobs/task.ts'
import { makeFolder, writeFileAtomic, writeJsonAtomic } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { withLock } from '../util/lock.ts'
import { readRegularText } from '../util/regular-file.ts'
import { joinUnlinked } from '../util/safe-path.ts'
import { cutFace, type Dropped, type DropReason, dropReasons } from './cut-face.ts'
import type { DatasetManifest } from './manifest.ts'
import { type Found, Journal, type Outcome, readJournals } from './prepare-journal.ts'
import { openSource } from './sources/open.ts'
import type { Source, SourcePicture } from './sources/source.ts'
import { celebaIdentities, type Identities, identitiesKnown, type Placed, placePictures } from './splits.ts'
import { StoreWriter } from './store-writer.ts'

/** Least side of an aligned face that is worth keeping. */
const leastSize = 16

/** Pictures that lie together in a source are looked at by one process: this many. */
const chunk = 64

/** How many sizes of photos a summary lists. */
const listedSizes = 5

export interface PrepareOptions {
  /** A folder of pictures, a zip archive, a Parquet file or a folder of them. */
  readonly from: string
  /** The folder of the face stores. */
  readonly out: string
  /** Side of the aligned faces in pixels. */
  readonly size: number
  /** The folder of CelebA's files of identities; default: that of the pictures. */
  readonly identities?: string
  readonly onProgress: (done: number, total: number) => void
  /** Has other processes look at parts of the pictures (`preparePart`), and says how many they have looked at. */
  readonly workers?: (onLooked: (pictures: number) => void) => Promise<void>
}

/** What a preparation made, as `summary.json` says it. */
export interface PrepareSummary extends Pick<DatasetManifest, 'title' | 'licence' | 'terms'> {
  readonly dataset: string
  readonly from: string
  readonly source: Source['kind']
  readonly size: number
  /** How people are known, where they are. */
  readonly identities: DatasetManifest['identities']
  /** Whether the data set says who is who; if not, each picture counts as a person of its own. */
  readonly identitiesKnown: boolean
  /** Faces of each split. */
  readonly written: Readonly<Record<string, number>>
  /** People of each split. */
  readonly people: Readonly<Record<string, number>>
  /** Pictures that gave no face, by reason; `dropped.tsv` lists them. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>
  /** The commonest sizes of the photos, and how many photos have another. */
  readonly photoSizes: readonly { readonly size: string; readonly count: number }[]
  readonly otherSizes: number
}

/**
 * Prepares a data set into one face store for each split (`out/train`, `out/test`), `out/summary.json` and
 * `out/dropped.tsv`. A store that was there is replaced when the new one is whole; one of an earlier preparation, of a split
 * that there is no more, goes: its people may be in another now. An interrupted preparation resumes where it was.
 * @throws UserError when there are no pictures or none with a face, the stores cannot be written, or another process is at it
 */
export async function prepareDataset(manifest: DatasetManifest, options: PrepareOptions): Promise<PrepareSummary> {
  const opened = await openAndPlace(manifest, options)
  try {
    return await withLock(join(options.out, '.lock'), `preparing ${options.out}`, () =>
      prepareAlone(manifest, options, opened),
    )
  } finally {
    await opened.source.close()
  }
}

async function prepareAlone(
  manifest: DatasetManifest,
  options: PrepareOptions,
  { source, placed, known }: Opened,
): Promise<PrepareSummary> {
  const { out, size, onProgress, workers } = options
  const folder = journalFolder(out)
  await (await beginJournal(manifest, options)).close() // Refuses other settings before any process begins.
  await workers?.(pictures => onProgress(pictures, placed.length))
  await lookAt(manifest, options, placed)
  const summary: PrepareSummary = {
    dataset: manifest.name,
    title: manifest.title,
    licence: manifest.licence,
    terms: manifest.terms,
    from: options.from,
    source: source.kind,
    size,
    identities: manifest.identities,
    identitiesKnown: identitiesKnown(manifest, source.pictures, known),
    ...(await assemble(placed, await readJournals(folder, size), options)),
  }
  for (const split of Object.keys((await summaryOf(out))?.written ?? {}))
    if (!(split in summary.written))
      await rm(await joinUnlinked(out, split, join(out, 'summary.json')), { recursive: true, force: true })
  await writeJsonAtomic(join(out, 'summary.json'), summary)
  await rm(folder, { recursive: true })
  return summary
}

/** Looks at the pictures of part `part` of `parts`, for a `prepareDataset` in another process. */
export async function preparePart(
  manifest: DatasetManifest,
  options: PrepareOptions,
  part: number,
  parts: number,
): Promise<void> {
  const { source, placed } = await openAndPlace(manifest, options)
  try {
    const own = placed.filter((_, i) => Math.floor(i / chunk) % parts === part)
    await lookAt(manifest, options, own)
  } finally {
    await source.close()
  }
}

/** The pictures of a data set, to be closed, and in which split each is. */
interface Opened {
  readonly source: Source
  readonly placed: Placed[]
  readonly known: Identities | undefined
}

async function openAndPlace(manifest: DatasetManifest, { from, size, identities }: PrepareOptions): Promise<Opened> {
  if (!Number.isInteger(size) || size < leastSize)
    throw new UserError(`expected a --size of ${leastSize} pixels or more, found ${size}`)
  const source = await openSource(from, manifest.identityColumn)
  const besides = (await stat(from)).isDirectory() ? from : dirname(from)
  const known = manifest.identities === 'celeba-hq' ? await celebaIdentities(identities ?? besides) : undefined
  return { source, placed: placePictures(manifest, source.pictures, known), known }
}

const journalFolder = (out: string) => join(out, 'preparing')

async function beginJournal(manifest: DatasetManifest, { from, out, size }: PrepareOptions): Promise<Journal> {
  const { name: _, title, home, licence, terms, ...rules } = manifest
  return Journal.begin(journalFolder(out), { from: resolve(from), size, ...rules })
}

/** Looks at the pictures of `placed` that no journal speaks of yet. */
async function lookAt(manifest: DatasetManifest, options: PrepareOptions, placed: readonly Placed[]): Promise<void> {
  const { out, size, onProgress } = options
  const done = await readJournals(journalFolder(out), size)
  const journal = await beginJournal(manifest, options)
  try {
    for (const [i, { picture }] of placed.entries()) {
      if (!done.has(picture.id)) {
        const { outcome, face } = await lookAtPicture(manifest, picture, size)
        await journal.add(outcome, face?.data)
      }
      onProgress(i + 1, placed.length)
    }
  } finally {
    await journal.close()
  }
}

async function lookAtPicture(
  manifest: DatasetManifest,
  { id, read }: SourcePicture,
  size: number,
): Promise<{ outcome: Outcome; face?: Image }> {
  let sha256: string | undefined
  let photo: Image
  try {
    const bytes = await read()
    sha256 = createHash('sha256').update(bytes).digest('hex')
    photo = await readImage(bytes, id)
  } catch (error) {
    const dropped: Dropped = { reason: 'unreadable', detail: (error as Error).message }
    return { outcome: { id, ...(sha256 && { sha256 }), dropped } }
  }
  const found = await cutFace(photo, manifest, size)
  const outcome = { id, sha256, photo: [photo.width, photo.height] } as const
  return 'reason' in found ? { outcome: { ...outcome, dropped: found } } : { outcome, face: found }
}

/** Puts the faces that were found into a store for each split, in the order of the source. */
async function assemble(
  placed: readonly Placed[],
  found: ReadonlyMap<string, Found>,
  { from, out, size }: PrepareOptions,
): Promise<Pick<PrepareSummary, 'written' | 'people' | 'dropped' | 'photoSizes' | 'otherSizes'>> {
  const writers = new Map<string, StoreWriter>()
  const people = new Map<string, Set<string>>()
  const written: Record<string, number> = {}
  const dropped: (Dropped & { id: string })[] = []
  const sizes = new Map<string, number>()
  const firsts = new Map<string, string>()
  await makeFolder(out)
  for (const { picture, identity, split } of placed) {
    const { id, sha256, photo, dropped: why, pixels } = found.get(picture.id)!
    if (photo) sizes.set(photo.join(' x '), (sizes.get(photo.join(' x ')) ?? 0) + 1)
    const first = sha256 && firsts.get(sha256)
    if (why) dropped.push({ id, ...why })
    else if (first) dropped.push({ id, reason: 'duplicate', detail: `the same file as ${first}` })
    else {
      firsts.set(sha256!, id)
      if (!writers.has(split)) writers.set(split, await StoreWriter.create(join(out, split), size))
      await writers.get(split)!.add({ id, identity }, await pixels!())
      written[split] = (written[split] ?? 0) + 1
      people.set(split, (people.get(split) ?? new Set()).add(identity))
    }
  }
  const lines = dropped.map(({ id, reason, detail = '' }) => [id, reason, detail].join('\t').replace(/\n/g, ' '))
  await writeFileAtomic(join(out, 'dropped.tsv'), `${['picture\treason\tdetail', ...lines].join('\n')}\n`)
  if (writers.size === 0)
    throw new UserError(
      `expected faces in ${from}, found none in ${placed.length} pictures (${join(out, 'dropped.tsv')} says why): ${dropped[0]!.detail ?? dropped[0]!.reason}`,
    )
  for (const writer of writers.values()) await writer.finish()
  const byCount = [...sizes].sort(([, a], [, b]) => b - a).map(([size, count]) => ({ size, count }))
  return {
    written,
    people: Object.fromEntries([...people].map(([split, names]) => [split, names.size])),
    dropped: Object.fromEntries(
      dropReasons
        .map(reason => [reason, dropped.filter(drop => drop.reason === reason).length] as const)
        .filter(([, count]) => count > 0),
    ),
    photoSizes: byCount.slice(0, listedSizes),
    otherSizes: byCount.slice(listedSizes).reduce((sum, { count }) => sum + count, 0),
  }
}

/** What the preparation of a folder said of itself, where it did; an earlier version said less, which is left out. */
export async function summaryOf(folder: string): Promise<PrepareSummary | undefined> {
  const text = await readRegularText(join(folder, 'summary.json')).catch(() => undefined)
  if (text === undefined) return undefined
  try {
    const summary = JSON.parse(text)
    return summary.photoSizes ? summary : undefined
  } catch {
    throw new UserError(
      `${join(folder, 'summary.json')}: expected JSON, found something else: prepare the data set again`,
    )
  }
}

// The work of `dataset prepare` in a worker process: a part of a data set's pictures.

export interface PreparePart {
  readonly manifest: DatasetManifest
  readonly options: Omit<PrepareOptions, 'onProgress' | 'workers'>
  readonly part: number
  readonly parts: number
  readonly backend: string | undefined
}

export const preparePartTask = defineTask(
  'prepare',
  import.meta.url,
  async ({ manifest, options, part, parts, backend }: PreparePart, { onProgress }) => {
    await useBackend(backend)
    await preparePart(manifest, { ...options, onProgress }, part, parts)
    return null
  },
)
