/**
 * Resumable, verified downloads through the proxies of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). A file appears
 * only when it is complete; until then its data is beside it in FILE.part.
 */
import { open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EnvHttpProxyAgent, fetch, type Response } from 'undici'
import { makeFolder } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { readRegularText } from '../util/regular-file.ts'
import { sha256 } from './checksum.ts'

export interface DownloadOptions {
  headers?: Readonly<Record<string, string>>
  /** Bytes that the file must have. */
  size?: number | undefined
  /** SHA-256 that the file must have. */
  sha256?: string | undefined
  /** Told of the bytes that are there, and of how many there will be where that is known. */
  onProgress?: (done: number, total: number | undefined) => void
  /** How often in a row it is tried without a byte more. Default 5. */
  attempts?: number
  /** Milliseconds before the second attempt; twice as many before each one after. Default 1000. */
  patience?: number
}

/** What of a file has arrived, and what its server called this version of it. */
interface Part {
  readonly path: string
  readonly size: number
  readonly version: string | undefined
}

/** An answer or a line that another attempt may better. */
class Interruption extends Error {}

/**
 * Downloads a file, or what is missing of it.
 * @returns its SHA-256
 * @throws UserError when the server refuses, the line keeps failing, or the file is not the one that was meant
 */
export async function download(url: string, path: string, options: DownloadOptions = {}): Promise<string> {
  const { attempts = 5, patience = 1000 } = options
  await makeFolder(dirname(path))
  const agent = new EnvHttpProxyAgent()
  try {
    for (let failures = 0, arrived = -1; ; ) {
      const part = await partOf(path, url)
      if (part.size > arrived) failures = 0
      arrived = Math.max(arrived, part.size)
      try {
        await fetchRest(url, part, agent, options)
        break
      } catch (error) {
        if (!(error instanceof Interruption)) throw error
        if (++failures >= attempts) {
          throw new UserError(
            `${url}: ${error.message}, ${attempts} times in a row: try again later, what has arrived is kept`,
          )
        }
        await sleep(patience * 2 ** (failures - 1))
      }
    }
  } finally {
    await agent.destroy()
  }
  return land(url, path, options)
}

const partPath = (path: string): string => `${path}.part`
const notePath = (path: string): string => `${path}.part.json`

/** A part is gone on with only when it came from the same place. */
async function partOf(path: string, url: string): Promise<Part> {
  const size = await stat(partPath(path)).then(
    found => found.size,
    () => 0,
  )
  const note = await readRegularText(notePath(path))
    .then(text => JSON.parse(text) as { url: string; version?: string })
    .catch(() => undefined) // none, or one that was cut off itself: no part to go on with
  if (note?.url === url) return { path, size, version: note.version }
  await removePart(path)
  return { path, size: 0, version: undefined }
}

async function removePart(path: string): Promise<void> {
  await rm(partPath(path), { force: true })
  await rm(notePath(path), { force: true })
}

async function fetchRest(
  url: string,
  part: Part,
  dispatcher: EnvHttpProxyAgent,
  options: DownloadOptions,
): Promise<void> {
  // Without a name for the version, only a known checksum tells whether the rest belongs to the part.
  const goesOn = part.size > 0 && (part.version !== undefined || options.sha256 !== undefined)
  const headers = {
    ...options.headers,
    'accept-encoding': 'identity',
    ...(goesOn && { range: `bytes=${part.size}-` }),
    ...(goesOn && part.version && { 'if-range': part.version }),
  }
  const response = await fetch(url, { headers, dispatcher }).catch(error => interrupted(error))
  if (response.status === 416 && goesOn) {
    await response.body?.cancel()
    const total = Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1])
    if (total === part.size) return
    await removePart(part.path)
    throw new Interruption('what has arrived is not a part of it')
  }
  if (!response.ok) {
    await response.body?.cancel()
    throw refusal(url, response)
  }
  const start = response.status === 206 ? rangeStart(response) : 0
  if (start !== 0 && start !== part.size)
    throw new UserError(`${url}: asked for byte ${part.size} on, given ${start} on`)
  const length = response.headers.get('content-length')
  const total = length === null ? undefined : start + Number(length)
  if (options.size !== undefined && (total ?? options.size) !== options.size) {
    await response.body?.cancel()
    throw new UserError(`${url}: expected ${options.size} bytes, found ${total}: it is not the file that is meant`)
  }
  await writeFile(notePath(part.path), JSON.stringify({ url, version: strongVersion(response) }))
  const done = await append(response, partPath(part.path), start, count =>
    options.onProgress?.(count, total ?? options.size),
  )
  if (total !== undefined && done < total) throw new Interruption(`cut off after ${done} of ${total} bytes`)
}

/** Writes what arrives behind the first `start` bytes of a file, each piece before the next is asked for. */
async function append(
  { body }: Response,
  path: string,
  start: number,
  onBytes: (count: number) => void,
): Promise<number> {
  const file = await open(path, start > 0 ? 'a' : 'w')
  let done = start
  try {
    for await (const chunk of body ?? []) {
      await file.writeFile(chunk)
      done += chunk.length
      onBytes(done)
    }
    return done
  } catch (error) {
    return interrupted(error as Error, `cut off after ${done} bytes`)
  } finally {
    await file.close()
  }
}

/** The first byte of a part of the file. */
function rangeStart(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1])
}

/** What If-Range may name: a strong ETag, else the time of the last change. */
function strongVersion({ headers }: Response): string | undefined {
  const etag = headers.get('etag')
  return etag && !etag.startsWith('W/') ? etag : (headers.get('last-modified') ?? undefined)
}

/** A line that fails may come back; a disk that is full does not. */
function interrupted(error: Error & { code?: string; cause?: unknown }, what = 'no connection'): never {
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') throw new UserError('the disk is full: make room')
  const { code, message } = (error.cause ?? error) as Error & { code?: string }
  throw new Interruption(`${what} (${code ?? message})`)
}

function refusal(url: string, { status, statusText }: Response): Error {
  switch (status) {
    case 401:
    case 403:
      return new UserError(
        `${url}: the server refuses (${status}): accept its terms on the page of the file, and put your token in HF_TOKEN`,
      )
    case 404:
    case 410:
      return new UserError(`${url}: there is no such file (${status}): try a mirror, or fetch it by hand`)
    case 408:
    case 429:
      return new Interruption(`the server is busy (${status})`)
    default:
      if (status >= 500) return new Interruption(`the server failed (${status})`)
      return new UserError(`${url}: the server answers ${status} ${statusText}`)
  }
}

/** Verifies what has arrived, and gives it its name. */
async function land(url: string, path: string, options: DownloadOptions): Promise<string> {
  const found = await sha256(partPath(path))
  const { size } = await stat(partPath(path))
  const wrong =
    options.size !== undefined && size !== options.size
      ? `expected ${options.size} bytes, found ${size}`
      : options.sha256 !== undefined && found !== options.sha256
        ? `expected SHA-256 ${options.sha256}, found ${found}`
        : undefined
  if (wrong) {
    await removePart(path)
    throw new UserError(`${url}: ${wrong}: it is not the file that is meant, and was removed`)
  }
  await rename(partPath(path), path)
  await rm(notePath(path), { force: true })
  return found
}
