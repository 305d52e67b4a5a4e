/** Which pictures a command line means, and where what becomes of each is put, in which format. */
import { randomBytes } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import type { Recipe } from '../config/recipe.ts'
import { encodeImage, formatOf, writtenAs } from '../images/codec.ts'
import { formatOfExtension } from '../images/format.ts'
import type { Image } from '../images/image.ts'
import { UserError } from '../util/errors.ts'
import { type PictureFile, type SurveyOptions, surveyInputs } from './survey.ts'

export type { PictureFile } from './survey.ts'

/**
 * The pictures that `inputs` name, as `surveyInputs` finds them.
 * @throws UserError when the only input is not there, or there is no picture among them
 */
export async function findPictures(inputs: readonly string[], options: SurveyOptions = {}): Promise<PictureFile[]> {
  const { pictures } = await surveyInputs(inputs, options)
  if (pictures.length === 0) throw noPictures(inputs)
  return [...pictures]
}

/** What to say where there is no picture. */
export function noPictures(inputs: readonly string[]): UserError {
  return new UserError(`expected pictures in ${inputs.join(', ')}, found none: name pictures or another folder`)
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

/** A name that says nothing, and that no other picture has: 64 random bits. */
export function randomName(): string {
  return randomBytes(8).toString('hex')
}

/** DIR/FOLDER/NAME.SUFFIX.EXT */
export function outputPath(file: PictureFile, out: string, suffix: string, extension: string): string {
  return join(out, file.folder, `${file.stem ?? basename(file.path, extname(file.path))}.${suffix}${extension}`)
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

/** Where the key of a protected picture is. */
export function keyPath(picture: string): string {
  return `${picture}.dpkey`
}

/** Whether a picture of a folder is one that we protected, so that protecting the folder again leaves it alone. */
export function isProtected(path: string): boolean {
  return existsSync(keyPath(path)) || /\.(anonymized|hidden)(-\d+)?\.[^.]+$/.test(path)
}

/** Where the protected versions of a picture go, one a sample: NAME.anonymized.jpg, or NAME.anonymized-1.jpg and so on. */
export function protectedPaths(
  file: PictureFile,
  { task, samples }: Pick<Recipe, 'task' | 'samples'>,
  { out, format }: { out: string; format?: 'png' | 'jpg' | 'webp' },
): string[] {
  const suffix = { anonymize: 'anonymized', hide: 'hidden' }[task]
  const extension = extensionFor(file.path, format)
  return Array.from({ length: samples }, (_, i) =>
    outputPath(file, out, samples === 1 ? suffix : `${suffix}-${i + 1}`, extension),
  )
}

/** Where a recovered picture goes: NAME.anonymized.recovered.jpg. */
export function recoveredPath(file: PictureFile, out: string): string {
  return outputPath(file, out, 'recovered', extensionFor(file.path))
}

/**
 * A picture in the format of a path's extension.
 * @throws UserError when that cannot hold it, as WebP more than 16383 pixels a side
 */
export async function encodeFor(image: Image, path: string, quality?: number): Promise<Buffer> {
  return encodeImage(image, formatOf(path), quality).catch((error: Error) => {
    throw new UserError(`cannot write ${path}: ${error.message}: choose another --format`)
  })
}
