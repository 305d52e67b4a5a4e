/** From a folder of photos to face stores: finds, aligns and caches the face of every photo, and says what it dropped. */
import { createHash } from 'node:crypto'
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, sep } from 'node:path'
import { makeFolder, writeJsonAtomic } from '../atomic.ts'
import { UserError } from '../errors.ts'
import { alignFace } from '../faces/align.ts'
import type { Box } from '../faces/box.ts'
import { detectFaces, type Face } from '../faces/detect.ts'
import { landmarksInBox } from '../faces/landmarks.ts'
import type { Point } from '../faces/template.ts'
import type { FaceEntry, FaceIndex } from './face-store.ts'
import { type Image, pictureExtensions, readImage, resizeImage } from './image.ts'
import { type DatasetManifest, splitOf } from './manifest.ts'

/** Least side of an aligned face that is worth keeping. */
const leastSize = 16

export interface PrepareOptions {
  /** The folder of photos. */
  readonly from: string
  /** The folder of the face stores. */
  readonly out: string
  /** Side of the aligned faces in pixels. */
  readonly size: number
  readonly onProgress: (done: number, total: number) => void
}

export interface PrepareSummary {
  /** Faces of each split. */
  readonly written: Readonly<Record<string, number>>
  /** Photos that gave no face, by their path within the folder. */
  readonly dropped: readonly { readonly id: string; readonly why: string }[]
}

/**
 * Prepares a data set into one face store for each split (`out/train`, `out/test`) and `out/summary.json`. A store that
 * was there is replaced when the new one is whole.
 * @throws UserError when the folder holds no pictures or none with a face, or the stores cannot be written
 */
export async function prepareDataset(manifest: DatasetManifest, options: PrepareOptions): Promise<PrepareSummary> {
  const { from, out, size, onProgress } = options
  if (!Number.isInteger(size) || size < leastSize)
    throw new UserError(`expected a --size of ${leastSize} pixels or more, found ${size}`)
  const files = await pictures(from)
  if (files.length === 0) {
    const source = manifest.home ? `get them from ${manifest.home}` : 'name another folder'
    throw new UserError(`expected pictures (${[...pictureExtensions].join(', ')}) in ${from}, found none: ${source}`)
  }
  const writers = new Map<string, StoreWriter>()
  const dropped: { id: string; why: string }[] = []
  for (const [done, file] of files.entries()) {
    const id = relative(from, file).replaceAll(sep, '/')
    const identity = manifest.layout === 'folder-per-identity' ? basename(dirname(file)) : id
    try {
      const photo = await readImage(file)
      const face = manifest.aligned ? await resizeImage(photo, size, size) : await cutFace(photo, manifest, size)
      if (face) {
        const split = splitOf(manifest, identity)
        if (!writers.has(split)) writers.set(split, await StoreWriter.create(join(out, split), size))
        await writers.get(split)!.add({ id, identity }, face)
      } else dropped.push({ id, why: 'no face found' })
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      dropped.push({ id, why: error.message })
    }
    onProgress(done + 1, files.length)
  }
  if (writers.size === 0)
    throw new UserError(`expected faces in ${from}, found none in ${files.length} pictures: ${dropped[0]!.why}`)
  const written: Record<string, number> = {}
  for (const [split, writer] of writers) written[split] = await writer.finish()
  const summary = { dataset: manifest.name, size, written, dropped }
  await writeJsonAtomic(join(out, 'summary.json'), summary)
  return summary
}

/** The aligned face of a photo: the one in the manifest's box, or the one nearest to the middle; undefined where none is. */
async function cutFace(photo: Image, { faceBox }: DatasetManifest, size: number): Promise<Image | undefined> {
  const landmarks = faceBox ? await landmarksInBox(photo, scaleBox(faceBox, photo)) : await centralLandmarks(photo)
  return landmarks && (await alignFace(photo, landmarks, size)).face
}

async function centralLandmarks(photo: Image): Promise<readonly Point[] | undefined> {
  const offset = ({ box }: Face) =>
    Math.hypot(box.x + box.width / 2 - photo.width / 2, box.y + box.height / 2 - photo.height / 2)
  const faces = await detectFaces(photo, { turned: false })
  return faces.toSorted((p, q) => offset(p) - offset(q))[0]?.landmarks
}

const scaleBox = ({ x, y, width, height }: Box, photo: Image): Box => ({
  x: x * photo.width,
  y: y * photo.height,
  width: width * photo.width,
  height: height * photo.height,
})

/** Every picture below a folder, sorted by path. */
async function pictures(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => {
    throw new UserError(`expected a folder of pictures, found none at ${folder}: give one with --from`)
  })
  return entries
    .filter(entry => entry.isFile() && pictureExtensions.has(extname(entry.name).toLowerCase()))
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
}

/** Writes a face store into a folder beside its final place, and moves it there when it is whole. */
class StoreWriter {
  private readonly entries: FaceEntry[] = []
  private readonly hash = createHash('sha256')

  private constructor(
    private readonly folder: string,
    private readonly size: number,
    private readonly file: FileHandle,
  ) {}

  static async create(folder: string, size: number): Promise<StoreWriter> {
    const partial = `${folder}.partial`
    await rm(partial, { recursive: true, force: true })
    await makeFolder(partial)
    return new StoreWriter(folder, size, await open(join(partial, 'faces.u8'), 'w'))
  }

  async add(entry: FaceEntry, { data }: Image): Promise<void> {
    await this.file.writeFile(data)
    this.hash.update(data)
    this.entries.push(entry)
  }

  async finish(): Promise<number> {
    await this.file.close()
    const index: FaceIndex = { size: this.size, sha256: this.hash.digest('hex'), entries: this.entries }
    await writeJsonAtomic(join(`${this.folder}.partial`, 'index.json'), index)
    await rm(this.folder, { recursive: true, force: true })
    await rename(`${this.folder}.partial`, this.folder)
    return this.entries.length
  }
}
