/** The way back from file to file: a protected picture and its key, or an edited copy, to the original faces. */
import { readdir, stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { formatOf, readImage } from '../images/codec.ts'
import { headBytes, mostPictureBytes, pictureFormat } from '../images/format.ts'
import type { Decryption } from '../keys/age.ts'
import { readKey } from '../keys/files.ts'
import { checkPicture, type FaceKey, KeyError, type PhotoKey, pictureHash } from '../keys/key.ts'
import { shownShare } from '../keys/original-crop.ts'
import type { Registration } from '../keys/register.ts'
import { describeEdit, findEdited } from '../keys/view.ts'
import { makeFolder, writeFileAtomic } from '../util/atomic-write.ts'
import { finishCommitsOf } from '../util/commit-files.ts'
import { UserError } from '../util/errors.ts'
import { readRegular } from '../util/regular-file.ts'
import { encodeFor, keyPath } from './files.ts'
import type { FaceModel } from './model.ts'
import { type Recovery, recoverPhoto } from './recover-photo.ts'

/** A protected picture and the key that belongs to it. */
export interface LockedPicture {
  readonly path: string
  readonly bytes: Uint8Array
  readonly keys: readonly FaceKey[]
  /** The path of the key. */
  readonly key: string
  /** The file of the original photo, where the key holds it. */
  readonly original?: Uint8Array | undefined
  /** Where the picture lies in the one that was protected, if it is an edited copy of that, and what was done to it. */
  readonly edited?: Registration & { readonly description: string }
}

export interface ReadProtectedOptions extends Decryption {
  /** The path of the key, or a folder of keys of which one is the picture's; PICTURE.dpkey by default. */
  readonly key?: string | undefined
  /** Takes copies that were scaled, cut to a part or encoded again for the picture. */
  readonly allowEdited?: boolean
}

/**
 * Reads a protected picture with its key and checks that they belong together.
 * @throws KeyError, each problem by its name; UserError when a file is not there
 */
export async function readProtected(
  path: string,
  { key = keyPath(path), allowEdited = false, ...decryption }: ReadProtectedOptions = {},
): Promise<LockedPicture> {
  await finishCommitsOf(path)
  const bytes = await readRegular(path, mostPictureBytes()).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.message
    throw new UserError(`expected a protected picture at ${path}: ${why}`)
  })
  const found = await keysAt(key, decryption)
  const locked = (chosen: (typeof found)[number]) => {
    const { faces: keys, original } = chosen.photo
    return { path, bytes, keys, key: chosen.path, original }
  }
  const hash = pictureHash(bytes)
  const exact = found.find(({ photo }) => photo.picture === hash)
  if (exact) return locked(exact)
  if (!allowEdited) checkPicture(found[0]!.photo.faces, bytes, { key, picture: path })
  const image = await readImage(bytes, path)
  let best: LockedPicture | undefined
  for (const candidate of found) {
    const registration = await findEdited(image, candidate.photo)
    if (!registration || registration.match <= (best?.edited?.match ?? 0)) continue
    const description = describeEdit(registration, image, candidate.photo.size!)
    best = { ...locked(candidate), edited: { ...registration, description } }
  }
  if (best) return best
  const holdsNone = found.every(({ photo }) => photo.view === undefined)
  throw new KeyError(
    'another picture',
    holdsNone
      ? `${key}: expected a key by which edited copies are known, found one of version 0.1: take the protected file as it was written`
      : `${path} is no copy of the picture that ${key} is of: take another picture or another key`,
  )
}

/** The key at a path, or those of a folder that can be decrypted. @throws KeyError when none can */
async function keysAt(path: string, decryption: Decryption): Promise<{ path: string; photo: PhotoKey }[]> {
  const isFolder = await stat(path).then(
    status => status.isDirectory(),
    () => false,
  )
  if (!isFolder) return [{ path, photo: await readKey(path, decryption) }]
  const names = (await readdir(path)).filter(name => name.endsWith('.dpkey')).toSorted()
  const keys: { path: string; photo: PhotoKey }[] = []
  let refusal: unknown = new UserError(`expected keys (.dpkey) in ${path}, found none: name another --key`)
  for (const name of names) {
    const file = join(path, name)
    await readKey(file, decryption).then(
      photo => keys.push({ path: file, photo }),
      error => {
        if (!(error instanceof UserError)) throw error
        refusal = error
      },
    )
  }
  if (keys.length === 0) throw refusal
  return keys
}

/** JPEG quality of recovered pictures: what the key holds is kept to 45 dB and more. */
const recoveredQuality = 99

/**
 * Recovers every face of a protected picture and writes the result; where the key holds the original photo, that photo.
 * @param output where to; it gets the extension of the original photo's file where that is written
 * @returns where it was written
 * @throws UserError, beginning with the path, when the keys are for another model or `output` cannot be written
 */
export async function recoverFile(
  model: (name: string) => Promise<FaceModel>,
  { path, bytes, keys, original, edited }: LockedPicture,
  output: string,
  recovery: Recovery = 'exact',
): Promise<string> {
  const whole = recovery === 'exact' ? original : undefined
  if (whole && !edited) return writeOriginal(whole, path, output)
  const picture = await readImage(bytes, path)
  const photo = await recoverPhoto(model, picture, await withOriginal(keys, whole), recovery, edited?.transform).catch(
    error => {
      throw error instanceof UserError ? new UserError(`${path}: ${error.message}`) : error
    },
  )
  const encoded = await encodeFor(photo, output, recoveredQuality)
  await makeFolder(dirname(output))
  await writeFileAtomic(output, encoded)
  return output
}

/** The original photo's file itself under its own format's extension, or as PNG where it is of a format that none writes. */
async function writeOriginal(original: Uint8Array, path: string, output: string): Promise<string> {
  const format = pictureFormat(original.subarray(0, headBytes))
  const extensions: Readonly<Record<string, string>> = { jpeg: '.jpg', png: '.png', webp: '.webp' }
  const isSame = format === formatOf(output)
  const extension = isSame ? extname(output) : (extensions[format ?? ''] ?? '.png')
  const to = `${output.slice(0, -extname(output).length)}${extension}`
  const isKept = isSame || (format !== undefined && format in extensions)
  await makeFolder(dirname(to))
  await writeFileAtomic(
    to,
    isKept ? original : await encodeFor(await readImage(original, `the original of ${path}`), to),
  )
  return to
}

/** Keys of faces whose crops are those of the original photo, as one crop of it all. */
async function withOriginal(keys: readonly FaceKey[], original?: Uint8Array): Promise<readonly FaceKey[]> {
  if (!original) return keys
  const { width, height } = await readImage(original, 'the original photo in the key')
  return [{ ...keys[0]!, crop: { box: { x: 0, y: 0, width, height }, file: original } }]
}

/** How many of the faces an edited copy still shows, by half at least. */
export async function facesShown({ bytes, keys, edited, path }: LockedPicture): Promise<number> {
  if (!edited) return keys.length
  const picture = await readImage(bytes, path)
  return keys.filter(({ crop }) => !crop || shownShare(picture, crop.box, edited.transform) >= 0.5).length
}
