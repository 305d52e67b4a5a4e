import { createHash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cannotWrite, makeFolder, writeJsonAtomic } from '../util/atomic-write.ts'
import { type FaceEntry, type FaceIndex, finishStore, partialOf, replacedOf } from './face-store.ts'

/** Writes a face store into a folder beside its final place, and moves it there when it is whole. */
export class StoreWriter {
  private readonly entries: FaceEntry[] = []

  private constructor(
    private readonly folder: string,
    private readonly size: number,
    private readonly faces: HashedFile,
    private readonly latents: HashedFile | undefined,
  ) {}

  /** @param hasLatents whether every face comes with what it was generated from */
  static async create(folder: string, size: number, { hasLatents = false } = {}): Promise<StoreWriter> {
    await finishStore(folder)
    const partial = partialOf(folder)
    await rm(partial, { recursive: true, force: true })
    await makeFolder(partial)
    const faces = await HashedFile.create(join(partial, 'faces.u8'))
    const latents = hasLatents ? await HashedFile.create(join(partial, 'latents.f32')) : undefined
    return new StoreWriter(folder, size, faces, latents)
  }

  /**
   * @param data [size, size, 3]
   * @param latents [16, 512] in P_N space, where the store has them
   */
  async add(entry: FaceEntry, data: Uint8Array, latents?: Float32Array): Promise<void> {
    if ((latents !== undefined) !== (this.latents !== undefined))
      throw new Error('StoreWriter: expected latents of all faces or of none')
    await this.faces.write(data)
    if (latents) await this.latents!.write(new Uint8Array(latents.buffer, latents.byteOffset, latents.byteLength))
    this.entries.push(entry)
  }

  async finish(): Promise<void> {
    const index: FaceIndex = {
      size: this.size,
      sha256: await this.faces.finish(),
      entries: this.entries,
      ...(this.latents && { latents: { sha256: await this.latents.finish() } }),
    }
    await writeJsonAtomic(join(partialOf(this.folder), 'index.json'), index)
    const replaced = replacedOf(this.folder)
    await rm(replaced, { recursive: true, force: true })
    await rename(this.folder, replaced).catch(error => {
      if (error.code !== 'ENOENT') throw cannotWrite(this.folder, error)
    })
    // Ended here, the next to open the store finishes it.
    await finishStore(this.folder)
    await rm(replaced, { recursive: true, force: true })
  }
}

/** A file whose checksum is known when it is written. */
class HashedFile {
  private readonly hash = createHash('sha256')

  private constructor(
    private readonly file: FileHandle,
    private readonly path: string,
  ) {}

  static async create(path: string): Promise<HashedFile> {
    return new HashedFile(await open(path, 'w'), path)
  }

  async write(data: Uint8Array): Promise<void> {
    await this.file.writeFile(data).catch(error => {
      throw cannotWrite(this.path, error)
    })
    this.hash.update(data)
  }

  /** @returns SHA-256 of what was written */
  async finish(): Promise<string> {
    await this.file.sync()
    await this.file.close()
    return this.hash.digest('hex')
  }
}
