/** The three tasks from file to file: a protected picture and its key beside it, and the way back. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Recipe } from '../config/recipe.ts'
import { encodeImage, formatOf, type Image, readImage } from '../data/image.ts'
import type { Secret } from '../data/keyed-words.ts'
import { mostPictureBytes } from '../data/limits.ts'
import {
  checkPicture,
  type Decryption,
  type Encryption,
  type FaceKey,
  keyBytes,
  pictureHash,
  readKeys,
} from '../keys/key.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { makeFolder, writeFileAtomic } from '../util/atomic-write.ts'
import { commitFiles, finishCommitsOf, type PendingFile } from '../util/commit-files.ts'
import { UserError } from '../util/errors.ts'
import { readRegular } from '../util/regular-file.ts'
import { extensionFor, outputPath, type PictureFile } from './inputs.ts'
import type { FaceModel } from './model.ts'
import { type ProtectedPhoto, type Recovery, recoverPhoto, type UnboundKey } from './photo.ts'
import type { PhotoReport } from './photo-report.ts'
import { NoFaceError } from './photo-search.ts'
import { type ProtectPhotoOptions, protectPhoto } from './protect-photo.ts'

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

export interface ProtectFileOptions extends ProtectPhotoOptions {
  /** For whom the keys are encrypted. */
  readonly encryption?: Encryption | undefined
}

/**
 * Protects every face of the photo at `path`; each sample goes to one of `outputs` with its key beside it. A picture is
 * there only with its key, and both are whole.
 * @returns the number of faces and what became of them, and what random numbers came from where that was no seed
 * @throws UserError, beginning with the path, when it is no picture, shows no face, or the outputs cannot be written
 */
export async function protectFile(
  model: FaceModel,
  guides: readonly Recognizer[],
  path: string,
  outputs: readonly string[],
  recipe: Recipe,
  { encryption, ...options }: ProtectFileOptions = {},
): Promise<{ faces: number; secret?: Secret | undefined; report: PhotoReport }> {
  const photo = await readImage(path)
  const result = await protectPhoto(model, guides, photo, recipe, options).catch(error => {
    if (error instanceof NoFaceError) throw new NoFaceError(error.search, path)
    throw error instanceof UserError ? new UserError(`${path}: ${error.message}`) : error
  })
  await writeProtected(result, outputs, encryption)
  return { faces: result.faces.length, secret: result.secret, report: result.report }
}

/**
 * Writes each version of a protected photo to one of `outputs`, with its key beside it: all of them, or none.
 * @throws UserError when one cannot be written; pictures and keys that were there stay then
 */
export async function writeProtected(
  { faces, photos, secret }: Pick<ProtectedPhoto, 'photos' | 'secret'> & { faces: readonly { key: UnboundKey }[] },
  outputs: readonly string[],
  encryption?: Encryption,
): Promise<void> {
  const files: PendingFile[] = []
  for (const [i, output] of outputs.entries()) {
    const bytes = await encode(photos[i]!, output)
    const picture = pictureHash(bytes)
    const { width, height } = photos[i]!
    const bound = faces.map(face => ({ ...face.key, picture }))
    const key = { picture, size: { width, height }, ...(secret && { secret }), faces: bound }
    files.push({ path: keyPath(output), data: await keyBytes(key, encryption), mode: 0o600 })
    files.push({ path: output, data: bytes })
  }
  for (const folder of new Set(outputs.map(output => dirname(output))))
    await commitFiles(
      folder,
      files.filter(({ path }) => dirname(path) === folder),
    )
}

/** The bytes of a protected picture and the keys that belong to them. */
export interface LockedPicture {
  readonly path: string
  readonly bytes: Uint8Array
  readonly keys: readonly FaceKey[]
}

/**
 * Reads a protected picture with its key and checks that they belong together.
 * @throws KeyError, each problem by its name; UserError when a file is not there
 */
export async function readProtected(
  path: string,
  { key = keyPath(path), ...decryption }: { key?: string } & Decryption = {},
): Promise<LockedPicture> {
  await finishCommitsOf(path)
  const bytes = await readRegular(path, mostPictureBytes()).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.message
    throw new UserError(`expected a protected picture at ${path}: ${why}`)
  })
  const keys = await readKeys(key, decryption)
  checkPicture(keys, bytes, { key, picture: path })
  return { path, bytes, keys }
}

/**
 * Recovers every face of a protected picture and writes the result.
 * @throws UserError, beginning with the path, when the keys are for another model or `output` cannot be written
 */
export async function recoverFile(
  model: (name: string) => Promise<FaceModel>,
  { path, bytes, keys }: LockedPicture,
  output: string,
  recovery?: Recovery,
): Promise<void> {
  const photo = await recoverPhoto(model, await readImage(bytes, path), keys, recovery).catch(error => {
    throw error instanceof UserError ? new UserError(`${path}: ${error.message}`) : error
  })
  const encoded = await encode(photo, output)
  await makeFolder(dirname(output))
  await writeFileAtomic(output, encoded)
}

/** What a format cannot hold, as a WebP of more than 16383 pixels a side, is the photo's fault. */
async function encode(image: Image, path: string): Promise<Buffer> {
  return encodeImage(image, formatOf(path)).catch((error: Error) => {
    throw new UserError(`cannot write ${path}: ${error.message}: choose another --format`)
  })
}
