/** Every entry that a command line means: the pictures to work on, and why each of the others is none of them. */
import type { Dirent, Stats } from 'node:fs'
import { open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { formatOfExtension, headBytes, pictureFormat } from '../images/format.ts'
import { finishCommits } from '../util/commit-files.ts'
import { UserError } from '../util/errors.ts'

/** A picture to work on. */
export interface PictureFile {
  readonly path: string
  /** Its folder below the one that was named: '' for a picture that was named itself. */
  readonly folder: string
  /** What results are called after, where another picture has its name. */
  readonly stem?: string
}

/** An entry that is not worked on. */
export interface OtherEntry {
  readonly path: string
  /** In a few words. */
  readonly reason: string
  /** Whether it may be a picture that was meant: its user has to see to it. What is left out otherwise, never was. */
  readonly refused: boolean
}

/** What was found: each entry is in one of the two lists. A folder that is not looked into is one entry. */
export interface Survey {
  readonly pictures: readonly PictureFile[]
  readonly others: readonly OtherEntry[]
}

export interface SurveyOptions {
  /** Why a picture of a folder is not meant, where it is not; a picture that is named itself always is. */
  readonly leaveOut?: (path: string) => string | undefined
  /** A folder that is not looked into, as the one that results go to. */
  readonly skip?: string
}

/** Extensions of cameras' raw files: TIFF by their first bytes, but what a reader of TIFF shows is a thumbnail. */
const rawFile = /\.(dng|cr2|cr3|nef|arw|orf|rw2|pef|srw|raf)$/i

/**
 * Finds the pictures that `inputs` name: files as they are, folders with all that is below them, by what is in the files and
 * in the order of their names, each picture once. Links are followed, to each folder once. Nothing ends the search but a
 * single input that is not there.
 * @throws UserError when the only input is not there
 */
export async function surveyInputs(
  inputs: readonly string[],
  { leaveOut = () => undefined, skip }: SurveyOptions = {},
): Promise<Survey> {
  const pictures: PictureFile[] = []
  const others: OtherEntry[] = []
  const seen = new Map<string, string>()
  const skipped = skip === undefined ? undefined : await realpath(skip).catch(() => undefined)
  const other = (path: string, reason: string, refused = false) => void others.push({ path, reason, refused })

  /** Takes a picture, or a folder to look into, unless it was seen by another path. */
  const isNew = async (path: string, what: string): Promise<boolean> => {
    const real = await realpath(path).catch(() => resolve(path))
    const first = seen.get(real)
    if (first === undefined) seen.set(real, path)
    else other(path, `the same ${what} as ${first}`)
    return first === undefined
  }
  const walk = async (root: string, folder: string): Promise<void> => {
    const here = join(root, folder)
    await finishCommits(here).catch((error: Error) =>
      other(here, `what was begun there cannot be finished: ${error.message}`, true),
    )
    const entries = await readdir(here, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      other(here, `a folder that cannot be read: ${describeError(error)}`, true)
      return [] as Dirent[]
    })
    for (const { name } of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) await visit(root, folder, name)
  }
  const visit = async (root: string, folder: string, name: string): Promise<void> => {
    const path = join(root, folder, name)
    if (name.startsWith('.')) return other(path, 'hidden')
    const status = await stat(path).catch((error: NodeJS.ErrnoException) => error)
    if (status instanceof Error) return other(path, `a link or file that leads nowhere: ${describeError(status)}`, true)
    if (status.isDirectory()) {
      if ((await realpath(path)) === skipped) return other(path, 'the folder of the results')
      if (await isNew(path, 'folder')) await walk(root, join(folder, name))
      return
    }
    const reason = await whyNoPicture(path, status)
    if (reason) return other(path, reason.reason, reason.refused)
    const unmeant = leaveOut(path)
    if (unmeant !== undefined) return other(path, unmeant)
    if (await isNew(path, 'file')) pictures.push({ path, folder })
  }
  for (const input of inputs) {
    const status = await stat(input).catch((error: NodeJS.ErrnoException) => error)
    if (status instanceof Error) {
      if (inputs.length === 1)
        throw new UserError(`expected a picture or a folder at ${input}: ${describeError(status)}`)
      other(input, describeError(status), true)
    } else if (!(await isNew(input, status.isDirectory() ? 'folder' : 'file'))) continue
    else if (status.isDirectory()) await walk(input, '')
    else pictures.push({ path: input, folder: '' })
  }
  return { pictures, others }
}

/** Why an entry of a folder is no picture to be read; undefined where it is one, or its name says so. */
async function whyNoPicture(path: string, status: Stats): Promise<Omit<OtherEntry, 'path'> | undefined> {
  if (!status.isFile()) return { reason: 'not a regular file', refused: false }
  if (rawFile.test(path)) return { reason: "a camera's raw file: export it as JPEG or TIFF", refused: true }
  if (formatOfExtension(extname(path))) return undefined
  const head = await headOf(path).catch((error: NodeJS.ErrnoException) => error)
  if (head instanceof Error) return { reason: `cannot be read: ${describeError(head)}`, refused: true }
  if (pictureFormat(head)) return undefined
  return { reason: kindOf(path, head), refused: false }
}

function kindOf(path: string, head: Uint8Array): string {
  if (path.endsWith('.dpkey')) return 'a key'
  if (basename(path) === 'run.json') return 'the record of a run'
  const start = Buffer.from(head).toString('latin1')
  const isVideo = start.slice(4, 8) === 'ftyp' || start.startsWith('\x1aE\xdf\xa3') || /^RIFF....AVI /s.test(start)
  return isVideo ? 'a video' : 'no picture'
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

function describeError({ code, message }: NodeJS.ErrnoException): string {
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is none',
    ELOOP: 'links that lead to each other',
    EACCES: 'no permission',
    ENAMETOOLONG: 'a name that is too long',
  }
  return (code && known[code]) || message
}

/**
 * Gives pictures whose results would have the same names others: 'two' and 'two.gif' for two.png and two.gif.
 * @param outputs the files that each of them becomes
 */
export function distinctNames(
  pictures: readonly PictureFile[],
  outputs: (picture: PictureFile) => readonly string[],
): PictureFile[] {
  const taken = new Set<string>()
  const named = new Map<PictureFile, PictureFile>()
  const place = (picture: PictureFile, candidate: PictureFile) => {
    // There are disks that do not tell capitals from small letters.
    const places = outputs(candidate).map(path => resolve(path).toLowerCase())
    if (places.some(path => taken.has(path))) return false
    for (const path of places) taken.add(path)
    named.set(picture, candidate)
    return true
  }
  // Those that keep their extension keep their name, whatever comes before them.
  const keeps = (picture: PictureFile) => extname(outputs(picture)[0] ?? '') === extname(picture.path)
  for (const picture of [...pictures.filter(keeps), ...pictures.filter(picture => !keeps(picture))]) {
    if (place(picture, picture)) continue
    const whole = basename(picture.path)
    for (let i = 1; ; i++) if (place(picture, { ...picture, stem: i === 1 ? whole : `${whole}-${i}` })) break
  }
  return pictures.map(picture => named.get(picture)!)
}
