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

export class FaceStore {
  private constructor(
    readonly size: number,
    readonly entries: readonly FaceEntry[],
    private readonly file: FileHandle,
  ) {}

  /** Opens the store in `folder`. @throws UserError when it is absent or its two files do not agree. */
  static async open(folder: string): Promise<FaceStore> {
    let index: FaceIndex
    try {
      index = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))
    } catch {
      throw new UserError(
        `no prepared faces in ${folder} (expected index.json and faces.u8): run 'diff-privacy dataset prepare' first`,
      )
    }
    const file = await open(join(folder, 'faces.u8'))
    const expected = index.entries.length * index.size ** 2 * 3
    const { size: found } = await file.stat()
    if (found !== expected) {
      await file.close()
      throw new UserError(
        `${folder}/faces.u8 holds ${found} bytes, index.json asks for ${expected}: prepare the data set again`,
      )
    }
    return new FaceStore(index.size, index.entries, file)
  }

  get count(): number {
    return this.entries.length
  }

  /** The faces at `indices` as bytes, [indices.length, size, size, 3]. */
  async bytes(indices: readonly number[]): Promise<Uint8Array> {
    const length = this.size ** 2 * 3
    const bytes = new Uint8Array(indices.length * length)
    await Promise.all(indices.map((index, i) => this.file.read(bytes, i * length, length, index * length)))
    return bytes
  }

  /** The faces at `indices`, [n, size, size, 3] in [-1, 1]. */
  async faces(indices: readonly number[]): Promise<tf.Tensor4D> {
    const bytes = await this.bytes(indices)
    const values = Float32Array.from(bytes, byte => byte / 127.5 - 1)
    return tf.tensor4d(values, [indices.length, this.size, this.size, 3])
  }

  async close(): Promise<void> {
    await this.file.close()
  }
}
