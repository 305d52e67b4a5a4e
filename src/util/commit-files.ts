/**
 * Files that belong together, as a picture and its key, put in the places of earlier ones together: whatever happens,
 * a reader finds all of the old ones or all of the new ones.
 *
 * 1. Each is written beside its place, onto the disk. A full disk fails here, and nothing has changed.
 * 2. A journal that names them all gets its name: from here on they are the new ones.
 * 3. They are renamed into their places, and the journal is removed.
 *
 * A process that is ended between 2 and 3 leaves the journal. Whoever reads such files, or writes some, calls `finishCommits`
 * first, which renames the rest.
 */
import { randomBytes } from 'node:crypto'
import { lstat, open, readdir, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { z } from 'zod'
import { cannotWrite, makeFolder, type Temporary, temporaryPattern, writeTemporary } from './atomic-write.ts'
import { UserError } from './errors.ts'
import { readRegularText } from './regular-file.ts'
import { joinOwn, refuseLinks } from './safe-path.ts'

/** A file to be written. */
export interface PendingFile {
  readonly path: string
  readonly data: string | Uint8Array
  /** Permission bits, whatever the umask. Default: those of any new file. */
  readonly mode?: number
}

const journalPattern = /^\.commit\.[0-9a-f]{12}\.json$/

/** What a journal says: names of files below its folder, under which they lie and where they belong. */
const journalSchema = z.strictObject({ files: z.array(z.strictObject({ from: z.string(), to: z.string() })) })

/** Most bytes of a journal: a thousand files and more. */
const mostJournal = 1 << 20

/**
 * Writes files together: all or none, also when the disk is full or the process is ended.
 * @param folder that all of them lie in or below; its journals are finished first
 * @throws UserError that names the file and why it cannot be written; all are as they were then
 */
export async function commitFiles(folder: string, files: readonly PendingFile[]): Promise<void> {
  for (const { path } of files) await makeFolder(dirname(path))
  await finishCommits(folder)
  for (const place of new Set(files.map(({ path }) => dirname(path)))) await removeOld(place)
  const temporaries: Temporary[] = []
  const discardAll = () => Promise.all(temporaries.map(temporary => temporary.discard()))
  const journal = join(folder, `.commit.${randomBytes(6).toString('hex')}.json`)
  const named = (path: string) => relative(folder, path).replaceAll(sep, '/')
  try {
    for (const { path, data, mode } of files) {
      const place = await lstat(path).catch(() => undefined)
      if (place && !place.isFile() && !place.isSymbolicLink())
        throw Object.assign(new Error(), { code: 'EISDIR', path })
      temporaries.push(await writeTemporary(path, data, { mode }))
    }
    const moves = files.map(({ path }, i) => ({ from: named(temporaries[i]!.path), to: named(path) }))
    const written = await writeTemporary(journal, JSON.stringify({ files: moves }))
    temporaries.push(written)
    await rename(written.path, journal)
  } catch (error) {
    await discardAll()
    throw cannotWrite((error as { path?: string }).path ?? journal, error)
  }
  for (const temporary of temporaries) temporary.keep()
  await syncFolder(folder)
  await finish(folder, basename(journal))
}

/**
 * Puts files in their places that a process which was ended had committed in `folder`. A journal of somebody else's is left
 * alone, and one that names anything but files of a commit below its folder.
 * @throws UserError when a file cannot be put in its place
 */
export async function finishCommits(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names.filter(name => journalPattern.test(name))) {
    const stats = await lstat(join(folder, name)).catch(() => undefined)
    const isOwn = process.getuid === undefined || stats?.uid === process.getuid()
    if (stats?.isFile() && isOwn) await finish(folder, name)
  }
}

/** How old, in milliseconds, what a process that was ended left behind must be to be removed: nobody writes so long. */
const old = 24 * 3600 * 1000

async function removeOld(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter(name => temporaryPattern.test(name))) {
    const stats = await lstat(join(folder, name)).catch(() => undefined)
    if (stats?.isFile() && Date.now() - stats.mtimeMs > old) await unlink(join(folder, name)).catch(() => {})
  }
}

/** How many folders above a file may hold the journal that speaks of it. */
const mostAbove = 4

/** As `finishCommits`, in the folder of a file and in those above it, where a commit of several folders has its journal. */
export async function finishCommitsOf(path: string): Promise<void> {
  let folder = resolve(dirname(path))
  for (let above = 0; above <= mostAbove; above++, folder = dirname(folder)) await finishCommits(folder)
}

/** @param name of the journal; what another process has done of it meanwhile is done */
async function finish(folder: string, name: string): Promise<void> {
  const journal = join(folder, name)
  const text = await readRegularText(journal, mostJournal).catch(() => undefined)
  if (text === undefined) return
  const moves: { from: string; to: string }[] = []
  for (const { from, to } of parse(text, journal)) {
    const [source, target] = [joinOwn(folder, from, journal), joinOwn(folder, to, journal)]
    const isOfTarget = basename(source).startsWith(`.${basename(target)}.`) && dirname(source) === dirname(target)
    if (!temporaryPattern.test(basename(source)) || !isOfTarget) throw damaged(journal)
    await refuseLinks(folder, dirname(to), journal)
    moves.push({ from: source, to: target })
  }
  for (const { from, to } of moves)
    await rename(from, to).catch(error => {
      if (error.code !== 'ENOENT') throw cannotWrite(to, error)
    })
  for (const place of new Set(moves.map(({ to }) => dirname(to)))) await syncFolder(place)
  await unlink(journal).catch(() => {})
}

function parse(text: string, journal: string): { from: string; to: string }[] {
  try {
    return journalSchema.parse(JSON.parse(text)).files
  } catch {
    throw damaged(journal)
  }
}

function damaged(journal: string): UserError {
  return new UserError(`${journal}: expected the journal of a commit, found something else: remove it`)
}

/** Names of files are on the disk when their folder is; not every system lets a folder be opened. */
async function syncFolder(folder: string): Promise<void> {
  const opened = await open(folder, 'r').catch(() => undefined)
  await opened?.sync().catch(() => {})
  await opened?.close()
}
