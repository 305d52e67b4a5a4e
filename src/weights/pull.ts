/** What is done with published weights as a whole: fetched, and looked through. */
import { stat } from 'node:fs/promises'
import { UserError } from '../util/errors.ts'
import { withLock } from '../util/lock.ts'
import { joinUntrusted } from '../util/safe-path.ts'
import { cacheFolder, downloadOf, findFile } from './cache.ts'
import type { PublishedFile, PublishedWeights } from './catalogue.ts'
import { sha256 } from './checksum.ts'
import { type DownloadOptions, download } from './download.ts'
import { withTensorFile } from './open.ts'

export interface PullOptions extends Pick<DownloadOptions, 'attempts' | 'patience'> {
  /** The person has accepted the licence. */
  acceptLicence?: boolean
  /** FROM=TO: URLs that begin with FROM are asked for at TO. */
  mirrors?: readonly string[]
  /** Told of each file as it arrives. */
  onProgress?: (file: PublishedFile, done: number, total: number | undefined) => void
}

/** A file that is on this machine now. */
export interface PulledFile {
  readonly file: PublishedFile
  readonly path: string
  readonly sha256: string
  /** Whether it had to be downloaded. */
  readonly downloaded: boolean
}

/**
 * Fetches those files of weights that are not on this machine, and verifies all of them.
 * @throws UserError when the licence has to be accepted first, another process is downloading a file, or one cannot be had
 *   or is not the one that was meant
 */
export async function pull(name: string, weights: PublishedWeights, options: PullOptions = {}): Promise<PulledFile[]> {
  const { licence, files } = weights
  const pulled: PulledFile[] = []
  for (const file of files) {
    const found = await findFile(name, file)
    if (found) {
      pulled.push({ file, path: found, sha256: await verified(found, file), downloaded: false })
      continue
    }
    if (licence.mustAccept && !options.acceptLicence) {
      throw new UserError(`'${name}' is under ${licence.name}: read ${licence.url}, and accept it by --accept-licence`)
    }
    const source = await downloadOf(file, options.mirrors)
    if (!source) throw new UserError(`${file.file} is not where it should be: run npm install`)
    const path = joinUntrusted(cacheFolder(name), file.file, `the list of weights, under ${name},`)
    const sum = await withLock(`${path}.lock`, `downloading ${path}`, () =>
      download(source.url, path, {
        headers: source.headers,
        size: file.size,
        sha256: file.sha256,
        attempts: options.attempts,
        patience: options.patience,
        onProgress: (done, total) => options.onProgress?.(file, done, total),
      }),
    )
    pulled.push({ file, path, sha256: sum, downloaded: true })
  }
  return pulled
}

async function verified(path: string, { size, sha256: expected }: PublishedFile): Promise<string> {
  const found = await stat(path)
  if (size !== undefined && found.size !== size) {
    throw new UserError(`${path}: expected ${size} bytes, found ${found.size}: remove it and pull again`)
  }
  const sum = await sha256(path)
  if (expected !== undefined && sum !== expected) {
    throw new UserError(`${path}: expected SHA-256 ${expected}, found ${sum}: remove it and pull again`)
  }
  return sum
}

/** What was found of a file. */
export interface CheckedFile {
  readonly file: PublishedFile
  readonly path?: string
  /** What is wrong with it, in a line. */
  readonly problem?: string
  /** Its format and the number of its tensors, where it opens by itself. */
  readonly contents?: string
}

/** Verifies the files of weights that are on this machine, and opens them. */
export async function check(name: string, { files }: PublishedWeights): Promise<CheckedFile[]> {
  return Promise.all(
    files.map(async file => {
      const path = await findFile(name, file)
      if (!path) return { file }
      try {
        await verified(path, file)
        // The .bin files of TensorFlow.js are opened by their manifests.
        if (path.endsWith('.bin') && file.from !== 'here' && 'package' in file.from) return { file, path }
        const contents = await withTensorFile(path, ({ format, tensors }) => `${format}, ${tensors.size} tensors`)
        return { file, path, contents }
      } catch (error) {
        if (!(error instanceof UserError)) throw error
        return { file, path, problem: error.message }
      }
    }),
  )
}
