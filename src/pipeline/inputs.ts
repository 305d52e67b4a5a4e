/** Which pictures a command line means, and where what becomes of each is put. */
import { constants } from 'node:fs'
import { access, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { pictureExtensions, writtenAs } from '../data/image.ts'
import { formatOfExtension } from '../data/picture-format.ts'
import { finishCommits } from '../util/commit-files.ts'
import { UserError } from '../util/errors.ts'

/** A picture to work on. */
export interface PictureFile {
  readonly path: string
  /** Its folder below the one that was named: '' for a picture that was named itself. */
  readonly folder: string
}

export interface FindOptions {
  /** Which pictures of a folder are meant; a picture that is named itself always is. */
  readonly accept?: (path: string) => boolean | Promise<boolean>
  /** A folder that is not looked into, as the one that results go to. */
  readonly skip?: string
}

/**
 * The pictures that `inputs` name: files as they are, folders with all that is below them, by extension and in the order
 * of their names; each picture once.
 * @throws UserError when an input is not there, or there is no picture among them
 */
export async function findPictures(
  inputs: readonly string[],
  { accept = () => true, skip }: FindOptions = {},
): Promise<PictureFile[]> {
  const found = new Map<string, PictureFile>()
  const skipped = skip === undefined ? undefined : await realpath(skip).catch(() => undefined)
  const add = async (file: PictureFile) => {
    // A link that leads nowhere is told of when it is read, so that the others are still done.
    const real = await realpath(file.path).catch(() => resolve(file.path))
    if (!found.has(real)) found.set(real, file)
  }
  const walk = async (root: string, folder: string): Promise<void> => {
    const here = join(root, folder)
    // Below the input only: a folder that is named itself is meant.
    if (folder !== '' && (await realpath(here)) === skipped) return
    await finishCommits(here)
    const entries = await readdir(here, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      throw new UserError(`expected a folder that can be read at ${here}: ${error.message}`)
    })
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const { name } = entry
      const path = join(here, name)
      if (entry.isDirectory()) await walk(root, join(folder, name))
      else if (!name.startsWith('.') && pictureExtensions.has(extname(name).toLowerCase()) && (await accept(path)))
        await add({ path, folder })
    }
  }
  for (const input of inputs) {
    const status = await stat(input).catch((error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? 'there is none' : error.message
      throw new UserError(`expected a picture or a folder at ${input}: ${why}`)
    })
    if (status.isDirectory()) await walk(input, '')
    else await add({ path: input, folder: '' })
  }
  if (found.size === 0)
    throw new UserError(`expected pictures in ${inputs.join(', ')}, found none: name pictures or another folder`)
  return [...found.values()]
}

/**
 * The extension that a picture is written under: `format`'s, else the input's own where it can be written, else JPEG for
 * photos of phones, and PNG for the others.
 */
export function extensionFor(path: string, format?: 'png' | 'jpg' | 'webp'): string {
  if (format) return `.${format}`
  const own = extname(path)
  if (writtenAs(own)) return own
  return formatOfExtension(own) === 'heif' ? '.jpg' : '.png'
}

/** DIR/FOLDER/NAME.SUFFIX.EXT */
export function outputPath(file: PictureFile, out: string, suffix: string, extension: string): string {
  return join(out, file.folder, `${basename(file.path, extname(file.path))}.${suffix}${extension}`)
}

/**
 * Refuses, before anything is computed, outputs that would take the place of an input or of one another, and folders that
 * cannot be written to.
 * @param outputs the files that each of `files` will become
 * @throws UserError
 */
export async function checkOutputs(
  files: readonly PictureFile[],
  outputs: readonly (readonly string[])[],
): Promise<void> {
  const inputs = new Map(await Promise.all(files.map(async ({ path }) => [await identity(path), path] as const)))
  const taken = new Map<string, string>()
  const folders = new Set<string>()
  for (const [i, { path }] of files.entries()) {
    for (const output of outputs[i]!) {
      const input = inputs.get(await identity(output))
      if (input !== undefined)
        throw new UserError(`${output} would take the place of the input ${input}: choose another --out`)
      const other = taken.get(resolve(output))
      if (other !== undefined)
        throw new UserError(`${other} and ${path} would both become ${output}: rename one, or run them apart`)
      taken.set(resolve(output), path)
      folders.add(dirname(output))
    }
  }
  for (const folder of folders) await checkFolder(folder)
}

/** What tells two paths of one file: the file's number on its disk, whatever the path's case or links. */
async function identity(path: string): Promise<string> {
  const status = await stat(path, { bigint: true }).catch(() => undefined)
  return status ? `${status.dev}:${status.ino}` : resolve(path)
}

/** Refuses a folder that is not there and cannot be made, or cannot be written to; makes none. */
async function checkFolder(folder: string): Promise<void> {
  let nearest = resolve(folder)
  let status = await stat(nearest).catch(noFile)
  while (!status) {
    nearest = dirname(nearest)
    status = await stat(nearest).catch(noFile)
  }
  if (!status.isDirectory())
    throw new UserError(
      `cannot write to ${folder}: expected a folder at ${relative('', nearest)}, found a file: choose another --out`,
    )
  await access(nearest, constants.W_OK).catch(() => {
    throw new UserError(`cannot write to ${folder}: no permission to write in ${nearest}: choose another --out`)
  })
}

function noFile(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw new UserError(`cannot look for it: ${error.message}`)
}
