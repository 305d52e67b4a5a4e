/**
 * A folder of aligned faces ready for training: `faces.u8` holds them one after another, [count, size, size, 3] bytes,
 * and `index.json` says which is which. Generated faces have `latents.f32` besides, [count, 16, 512] float32: what they were
 * generated from, in the generator's P_N space. The folder is written by `dataset prepare` or `dataset generate` and read by
 * record, so that it may be larger than memory.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { type FileHandle, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { z } from 'zod'
import { bytesToTensor } from '../images/image.ts'
import { styleRows, styleWidth } from '../models/generator/synthesis.ts'
import { UserError } from '../util/errors.ts'
import { openRegular, readRegularText } from '../util/regular-file.ts'

export interface FaceEntry {
  /** The picture's path within its data set. */
  readonly id: string
  /** Who it shows; pictures of unknown people have an identity each. */
  readonly identity: string
}

const sum = z.string().regex(/^[0-9a-f]{64}$/)

const indexSchema = z.object({
  size: z.int().min(1).max(8192),
  sha256: sum.describe('of faces.u8'),
  entries: z.array(z.object({ id: z.string(), identity: z.string() })),
  latents: z.object({ sha256: sum }).optional().describe('of latents.f32, where the faces were generated'),
})

export interface FaceIndex {
  readonly size: number
  /** Of faces.u8. */
  readonly sha256: string
  readonly entries: readonly FaceEntry[]
  /** Of latents.f32, where the faces were generated. */
  readonly latents?: { readonly sha256: string } | undefined
}

const latentLength = styleRows * styleWidth

/** One prepared folder: `count` faces from place `first` of the store on. */
interface Part {
  readonly file: FileHandle
  readonly latents: FileHandle | undefined
  readonly first: number
  readonly count: number
}

export class FaceStore {
  private constructor(
    readonly size: number,
    readonly entries: readonly FaceEntry[],
    /** Of the folders' own checksums, in order. */
    readonly checksum: string,
    private readonly parts: Part[],
  ) {}

  /** Opens folders of faces of a model's size. @throws UserError as `open`, and when they are of another size */
  static async openFor(
    model: { readonly name: string; readonly imageSize: number },
    folders: readonly string[],
  ): Promise<FaceStore> {
    const faces = await FaceStore.open(...folders)
    try {
      checkFaceSize(faces, model)
      return faces
    } catch (error) {
      await faces.close()
      throw error
    }
  }

  /**
   * Opens the faces of one or several prepared folders as one store.
   * @throws UserError when there is none, one is absent, its files are not those that its index speaks of, or sizes differ
   */
  static async open(...folders: readonly string[]): Promise<FaceStore> {
    const indices = await Promise.all(folders.map(readIndex))
    const size = indices[0]?.size
    if (size === undefined) throw new UserError('expected at least one folder of prepared faces, found none')
    const other = indices.findIndex(index => index.size !== size)
    if (other >= 0)
      throw new UserError(
        `expected faces of ${size} x ${size} as in ${folders[0]}, found ${indices[other]!.size} x ${indices[other]!.size} in ${folders[other]}: prepare both at one --size`,
      )
    const store = new FaceStore(
      size,
      indices.flatMap(({ entries }) => entries),
      createHash('sha256')
        .update(indices.map(({ sha256 }) => sha256).join())
        .digest('hex'),
      [],
    )
    try {
      let first = 0
      for (const [i, folder] of folders.entries()) {
        const { entries, latents, sha256 } = indices[i]!
        const count = entries.length
        const file = await openFile(join(folder, 'faces.u8'), count * size ** 2 * 3, sha256)
        store.parts.push({ file, latents: undefined, first, count })
        if (latents) {
          const opened = await openFile(join(folder, 'latents.f32'), count * latentLength * 4, latents.sha256)
          store.parts[i] = { ...store.parts[i]!, latents: opened }
        }
        first += count
      }
    } catch (error) {
      await store.close()
      throw error
    }
    return store
  }

  get count(): number {
    return this.entries.length
  }

  /** The faces at `indices` as bytes, [indices.length, size, size, 3]. */
  async bytes(indices: readonly number[]): Promise<Uint8Array> {
    const length = this.size ** 2 * 3
    const bytes = new Uint8Array(indices.length * length)
    await Promise.all(
      indices.map((index, i) => {
        const { file, first } = this.partOf(index)
        return file.read(bytes, i * length, length, (index - first) * length)
      }),
    )
    return bytes
  }

  /** Whether all faces were generated, so that there are `latents`. */
  get hasLatents(): boolean {
    return this.parts.every(({ latents }) => latents !== undefined)
  }

  /**
   * What the faces at `indices` were generated from, [n, 16, 1, 512] in P_N space.
   * @throws UserError when one of them was not generated
   */
  async latents(indices: readonly number[]): Promise<tf.Tensor4D> {
    const values = new Float32Array(indices.length * latentLength)
    const bytes = new Uint8Array(values.buffer)
    const length = 4 * latentLength
    await Promise.all(
      indices.map((index, i) => {
        const { latents, first } = this.partOf(index)
        if (!latents)
          throw new UserError(
            `expected generated faces with latents, found none of face ${index}: see dataset generate`,
          )
        return latents.read(bytes, i * length, length, (index - first) * length)
      }),
    )
    return tf.tensor4d(values, [indices.length, styleRows, 1, styleWidth])
  }

  private partOf(index: number): Part {
    const part = this.parts.find(({ first, count }) => index >= first && index < first + count)
    if (!part) throw new RangeError(`FaceStore: expected an index in 0..${this.count - 1}, found ${index}`)
    return part
  }

  /** The faces at `indices`, [n, size, size, 3] in [-1, 1]. */
  async faces(indices: readonly number[]): Promise<tf.Tensor4D> {
    return bytesToTensor(await this.bytes(indices), [indices.length, this.size, this.size, 3])
  }

  async close(): Promise<void> {
    await Promise.all(this.parts.flatMap(({ file, latents }) => [file.close(), latents?.close()]))
  }
}

/**
 * What a folder of prepared faces says of itself.
 * @throws UserError when it is none
 */
export async function readIndex(folder: string): Promise<FaceIndex> {
  await finishStore(folder)
  const path = join(folder, 'index.json')
  const text = await readRegularText(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' || error.code === 'ENOTDIR'
      ? absent(folder)
      : new UserError(`cannot read ${path}: ${error.message}`)
  })
  try {
    return indexSchema.parse(JSON.parse(text))
  } catch {
    throw new UserError(
      `${path}: expected the index of prepared faces, found something else: prepare the data set again`,
    )
  }
}

/** Where a store is written before it takes the place of the one in `folder`. */
export const partialOf = (folder: string) => `${folder}.partial`

/** Where the store that it takes the place of lies meanwhile. */
export const replacedOf = (folder: string) => `${folder}.replaced`

/** Puts a store in its place that was whole when its writer was ended: its index is written last. */
export async function finishStore(folder: string): Promise<void> {
  if (existsSync(folder) || !existsSync(join(partialOf(folder), 'index.json'))) return
  // Another process may have done it.
  await rename(partialOf(folder), folder).catch((error: NodeJS.ErrnoException) => {
    if (!existsSync(folder)) throw new UserError(`cannot write ${folder}: ${error.message}`)
  })
}

/**
 * Refuses faces of another size than a model's.
 * @throws UserError that says how to prepare them
 */
export function checkFaceSize(
  { size }: Pick<FaceStore, 'size'>,
  { name, imageSize }: { readonly name: string; readonly imageSize: number },
): void {
  if (size !== imageSize)
    throw new UserError(
      `expected faces of ${imageSize} x ${imageSize} for model '${name}', found ${size} x ${size}: prepare the data set with --size ${imageSize}`,
    )
}

/** Opens a file of a folder of faces, which must hold `expected` bytes of this SHA-256. */
async function openFile(path: string, expected: number, sha256: string): Promise<FileHandle> {
  const { file, size: found } = await openRegular(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? absent(dirname(path)) : new UserError(`cannot read ${path}: ${error.message}`)
  })
  try {
    if (found !== expected)
      throw new UserError(`${path} holds ${found} bytes, index.json asks for ${expected}: prepare the data set again`)
    await verifyOnce(path, file, sha256)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Files that were looked through, as they were then: stores are opened again and again, and may be large. */
const verified = new Set<string>()

async function verifyOnce(path: string, file: FileHandle, sha256: string): Promise<void> {
  const { dev, ino, size, mtimeMs } = await file.stat()
  const version = [dev, ino, size, mtimeMs, sha256].join()
  if (verified.has(version)) return
  const hash = createHash('sha256')
  for await (const chunk of file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 20 }))
    hash.update(chunk)
  const found = hash.digest('hex')
  if (found !== sha256)
    throw new UserError(
      `${path}: expected SHA-256 ${sha256.slice(0, 12)}..., found ${found.slice(0, 12)}...: it is damaged, or another store's: prepare the data set again`,
    )
  verified.add(version)
}

function absent(folder: string): UserError {
  return new UserError(
    `no prepared faces in ${folder} (expected index.json and faces.u8): run 'diff-privacy dataset prepare' first`,
  )
}
