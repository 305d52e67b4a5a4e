/** The models' files, from the page's own origin: each is verified by its checksum, and kept by the service worker. */
import { UserError } from '../src/browser.ts'

export interface Progress {
  /** Bytes that are here. */
  readonly loaded: number
  /** Bytes of the files that were asked for. */
  readonly total: number
}

/** Of each file its bytes and its SHA-256, in base64; `vite.config.ts` writes it. */
export type Manifest = Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>

export class Downloads {
  #progress: Progress = { loaded: 0, total: 0 }

  private constructor(
    readonly base: URL,
    readonly manifest: Manifest,
    readonly onProgress: (progress: Progress) => void,
  ) {}

  static async open(base: URL, onProgress: (progress: Progress) => void): Promise<Downloads> {
    const response = await fetch(new URL('manifest.json', base))
    if (!response.ok) throw new UserError(`expected the list of models at ${base}, found none: build the studio again`)
    return new Downloads(base, (await response.json()) as Manifest, onProgress)
  }

  /** The file's bytes; undefined where the studio has no such file. @throws UserError when it does not arrive whole */
  async read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const entry = this.manifest[path]
    if (!entry) return undefined
    this.#add(0, entry.bytes)
    // The checksum in the address: another version of a file is another file to all caches.
    const url = new URL(`${path.replace(/^node_modules\//, 'packages/')}?${entry.sha256.slice(0, 8)}`, this.base)
    const response = await fetch(url, { integrity: `sha256-${entry.sha256}` }).catch(() => undefined)
    if (!response?.ok)
      throw new UserError(
        `expected the model file ${path}, found none or a damaged one: is there a connection? Try again`,
      )
    const bytes = new Uint8Array(await response.arrayBuffer())
    this.#add(entry.bytes, 0)
    return bytes
  }

  #add(loaded: number, total: number): void {
    this.#progress = { loaded: this.#progress.loaded + loaded, total: this.#progress.total + total }
    this.onProgress(this.#progress)
  }
}
