import { randomBytes } from 'node:crypto'
import { unlinkSync } from 'node:fs'
import { copyFile, type FileHandle, link, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { UserError } from './errors.ts'

/** Temporary files of writes under way: removed when the process is ended in the middle of one. */
const unfinished = new Set<string>()

process.on('exit', () => {
  for (const path of unfinished) {
    try {
      unlinkSync(path)
    } catch {} // Nothing can be done about it any more.
  }
})

export interface WriteOptions {
  /** Permission bits of the new file, whatever the umask. Default: those of any new file. */
  mode?: number
}

/**
 * Writes a file whole or not at all: into a temporary file beside it, onto the disk, and then in its place.
 * @param data the contents, or parts of them made one after another, so that a large file need not be in memory
 * @throws UserError that names the path and why it cannot be written
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  { mode }: WriteOptions = {},
): Promise<void> {
  const temporary = await writeTemporary(path, data, { mode })
  try {
    await rename(temporary.path, path)
    temporary.keep()
  } catch (error) {
    await temporary.discard()
    throw cannotWrite(path, error)
  }
}

/** A file that is whole and on the disk, under a name beside its place that nobody looks for. */
export interface Temporary {
  readonly path: string
  /** Removes it; also done when the process ends before it is kept or discarded. */
  discard(): Promise<void>
  /** It is now somebody's else: under its name, or another. */
  keep(): void
}

/**
 * The first half of `writeFileAtomic`: all that needs room on the disk.
 * @param path where the file will be
 * @throws UserError as `writeFileAtomic`; nothing is left behind then
 */
export async function writeTemporary(
  path: string,
  data: string | Uint8Array | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  { mode }: WriteOptions = {},
): Promise<Temporary> {
  const temporary = temporaryName(path)
  const discard = async () => {
    await unlink(temporary).catch(() => {})
    unfinished.delete(temporary)
  }
  let file: FileHandle | undefined
  try {
    unfinished.add(temporary)
    file = await open(temporary, 'wx', mode ?? 0o666)
    if (mode !== undefined) await file.chmod(mode)
    const parts = typeof data === 'string' || data instanceof Uint8Array ? [data] : data
    for await (const part of parts) await file.writeFile(part)
    await file.sync()
    await file.close()
    return { path: temporary, discard, keep: () => void unfinished.delete(temporary) }
  } catch (error) {
    await file?.close().catch(() => {})
    await discard()
    throw cannotWrite(path, error)
  }
}

/** The mistake that a failed write is; what makes the parts of a file may have said already what is wrong with them. */
export function cannotWrite(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error
  return new UserError(`cannot write ${path}: ${reason(error as NodeJS.ErrnoException, path)}`)
}

/**
 * Gives the contents of `existing` the name `path` too, in place of what was there; the two share their room on the disk,
 * or are copies where it cannot do that.
 * @throws UserError that names the path and why it cannot be written
 */
export async function linkAtomic(existing: string, path: string): Promise<void> {
  const temporary = temporaryName(path)
  try {
    unfinished.add(temporary)
    await link(existing, temporary).catch(() => copyOntoDisk(existing, temporary))
    await rename(temporary, path)
  } catch (error) {
    throw cannotWrite(path, error)
  } finally {
    // Renaming one name of a file to another of the same file leaves both.
    await unlink(temporary).catch(() => {})
    unfinished.delete(temporary)
  }
}

/** A copy that is on the disk before it has its name: after a power failure the name would else be that of an empty file. */
async function copyOntoDisk(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  const file = await open(to, 'r+')
  await file.sync().finally(() => file.close())
}

/** Removes what writes into `folder` left behind that were ended by force; no other process may be writing there. */
export async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (temporaryPattern.test(name)) await unlink(join(folder, name))
  }
}

/** Names of temporary files. */
export const temporaryPattern = /^\..+\.[0-9a-f]{12}\.tmp$/s

function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
}

/** Writes a value as indented JSON, whole or not at all. */
export async function writeJsonAtomic(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`)
}

/**
 * Makes a folder and those above it where they are not there yet.
 * @throws UserError that names the folder and why it cannot be made
 */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EEXIST' ? 'there is a file of that name: choose another place' : reason(error, path)
    throw new UserError(`cannot make the folder ${path}: ${why}`)
  })
}

function reason({ code, message }: NodeJS.ErrnoException, path: string): string {
  const folder = dirname(path)
  switch (code) {
    case 'ENOENT':
      return `there is no folder ${folder}: make it first`
    case 'ENOTDIR':
      return `${folder} is not a folder: choose another place`
    case 'EISDIR':
      return 'it is a folder: choose another name'
    case 'EACCES':
    case 'EPERM':
      return `no permission to write in ${folder}: choose another place`
    case 'EROFS':
      return `${folder} is read-only: choose another place`
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full: make room'
    default:
      return message
  }
}
