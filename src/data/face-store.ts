/**
 * A folder of aligned faces ready for training: `faces.u8` holds them one after another, [count, size, size, 3] bytes,
 * and `index.json` says which is which. It is written by `dataset prepare` and read by record, so that it may be larger
 * than memory.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { UserError } from '../errors.ts'

export interface FaceEntry {
  /** The picture's path within its data set. */
  readonly id: string
  /** Who it shows; pictures of unknown people have an identity each. */
  readonly identity: string
}

export interface FaceIndex {
  readonly size: number
  /** Of faces.u8. */
  readonly sha256: string
  readonly entries: readonly FaceEntry[]
}

/** One prepared folder: `count` faces from place `first` of the store on. */
interface Part {
  readonly file: FileHandle
  readonly first: number
  readonly count: number
}

export class FaceStore {
  private constructor(
    readonly size: number,
    readonly entries: readonly FaceEntry[],
    private readonly parts: readonly Part[],
  ) {}

  /**
   * Opens the faces of one or several prepared folders as one store.
   * @throws UserError when one is absent, its two files do not agree, or sizes differ
   */
  static async open(...folders: readonly string[]): Promise<FaceStore> {
    const parts: Part[] = []
    const entries: FaceEntry[] = []
    let size: number | undefined
    for (const folder of folders) {
      const index = await readIndex(folder)
      size ??= index.size
      if (index.size !== size)
        throw new UserError(
          `expected faces of ${size} x ${size} as in ${folders[0]}, found ${index.size} x ${index.size} in ${folder}: prepare both at one --size`,
        )
      const file = await open(join(folder, 'faces.u8'))
      parts.push({ file, first: entries.length, count: index.entries.length })
      entries.push(...index.entries)
      const expected = index.entries.length * size ** 2 * 3
      const { size: found } = await file.stat()
      if (found !== expected) {
        await Promise.all(parts.map(part => part.file.close()))
        throw new UserError(
          `${folder}/faces.u8 holds ${found} bytes, index.json asks for ${expected}: prepare the data set again`,
        )
      }
    }
    if (size === undefined) throw new UserError('expected at least one folder of prepared faces, found none')
    return new FaceStore(size, entries, parts)
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
        const part = this.parts.find(({ first, count }) => index >= first && index < first + count)
        if (!part) throw new RangeError(`FaceStore: expected an index in 0..${this.count - 1}, found ${index}`)
        return part.file.read(bytes, i * length, length, (index - part.first) * length)
      }),
    )
    return bytes
  }

  /** The faces at `indices`, [n, size, size, 3] in [-1, 1]. */
  async faces(indices: readonly number[]): Promise<tf.Tensor4D> {
    const bytes = await this.bytes(indices)
    const values = Float32Array.from(bytes, byte => byte / 127.5 - 1)
    return tf.tensor4d(values, [indices.length, this.size, this.size, 3])
  }

  async close(): Promise<void> {
    await Promise.all(this.parts.map(part => part.file.close()))
  }
}

async function readIndex(folder: string): Promise<FaceIndex> {
  try {
    return JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))
  } catch {
    throw new UserError(
      `no prepared faces in ${folder} (expected index.json and faces.u8): run 'diff-privacy dataset prepare' first`,
    )
  }
}
