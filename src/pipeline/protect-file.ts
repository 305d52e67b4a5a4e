/** Protects a photo from file to file: each version with its key beside it. */
import { dirname } from 'node:path'
import { readBytes, readImage } from '../images/codec.ts'
import type { Encryption } from '../keys/age.ts'
import { keyBytes } from '../keys/key-file.ts'
import { commitFiles, type PendingFile } from '../util/commit-files.ts'
import { UserError } from '../util/errors.ts'
import type { Secret } from '../util/random.ts'
import { type ProtectedVersions, photoKey } from './compose-photo.ts'
import { encodeFor, keyPath } from './files.ts'
import type { OpenRecipe } from './open.ts'
import type { ProtectPhotoOptions } from './photo.ts'
import { NoFaceError, type PhotoReport } from './photo-report.ts'

export type ProtectFileOptions = ProtectPhotoOptions & KeyContents

/** What keys hold, and who can read them. */
export interface KeyContents {
  /** For whom the keys are encrypted. */
  readonly encryption?: Encryption | undefined
  /** What of the original the key holds: the faces, nearly as they were, or the photo's file, for every pixel. */
  readonly exact?: Exactness | undefined
}

/** How exactly recovery gives the original back. */
export const exactnesses = ['near', 'lossless'] as const
export type Exactness = (typeof exactnesses)[number]

/**
 * Protects every face of the photo at `path`; each sample goes to one of `outputs` with its key beside it. A picture is
 * there only with its key, and both are whole.
 * @returns the number of faces and what became of them, and what random numbers came from where that was no seed
 * @throws UserError, beginning with the path, when it is no picture, shows no face, or the outputs cannot be written
 */
export async function protectFile(
  { protectPhoto }: Pick<OpenRecipe, 'protectPhoto'>,
  path: string,
  outputs: readonly string[],
  { encryption, exact, ...options }: ProtectFileOptions = {},
): Promise<{ faces: number; secret?: Secret | undefined; report: PhotoReport }> {
  const file = await readBytes(path)
  const photo = await readImage(file, path)
  const result = await protectPhoto(photo, options).catch(error => {
    if (error instanceof NoFaceError) throw new NoFaceError(error.search, path)
    throw error instanceof UserError ? new UserError(`${path}: ${error.message}`) : error
  })
  await writeProtected(result, outputs, { encryption, original: exact === 'lossless' ? file : undefined })
  return { faces: result.faces.length, secret: result.secret, report: result.report }
}

export interface WriteProtectedOptions extends Pick<ProtectFileOptions, 'encryption'> {
  /** The original photo's file, where keys are to hold it instead of its faces alone. */
  readonly original?: Uint8Array | undefined
  /** Puts all files in their places together; without the record of a run by default. */
  readonly commit?: (files: readonly PendingFile[]) => Promise<void>
}

/**
 * Writes each version of a protected photo to one of `outputs`, with its key beside it: all of them, or none.
 * @throws UserError when one cannot be written; pictures and keys that were there stay then
 */
export async function writeProtected(
  { faces, photos, secret }: ProtectedVersions,
  outputs: readonly string[],
  { encryption, original, commit = commitTogether }: WriteProtectedOptions = {},
): Promise<void> {
  const files: PendingFile[] = []
  for (const [i, output] of outputs.entries()) {
    const bytes = await encodeFor(photos[i]!, output)
    const key = await photoKey({ faces, secret }, photos[i]!, bytes, original)
    files.push({ path: keyPath(output), data: await keyBytes(key, encryption), mode: 0o600 })
    files.push({ path: output, data: bytes })
  }
  await commit(files)
}

async function commitTogether(files: readonly PendingFile[]): Promise<void> {
  for (const folder of new Set(files.map(({ path }) => dirname(path))))
    await commitFiles(
      folder,
      files.filter(({ path }) => dirname(path) === folder),
    )
}
