/** Folders of pictures side by side: the same picture has the same name in each. */
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import sharp from 'sharp'
import { readBytes } from '../images/codec.ts'
import { headBytes, pictureExtensions, pictureFormat } from '../images/format.ts'
import { UserError } from '../util/errors.ts'

/** Names that a message lists before it only counts. */
const namesShown = 8

/** A picture's file. */
export interface Picture {
  readonly path: string
  /** SHA-256 of the file's bytes. */
  readonly hash: string
  /** Its size in pixels, upright. */
  readonly width: number
  readonly height: number
}

/**
 * The pictures below a folder by name: the path within the folder without its extension.
 * @throws UserError when there is no such folder, it holds no picture, or two of one name
 */
export async function listPictures(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => {
    throw new UserError(`expected a folder of pictures at ${folder}, found none: name another folder`)
  })
  const pictures = new Map<string, string>()
  for (const entry of entries) {
    const extension = extname(entry.name)
    if (!entry.isFile() || entry.name.startsWith('.') || !pictureExtensions.has(extension.toLowerCase())) continue
    const path = join(entry.parentPath, entry.name)
    const name = relative(folder, path).slice(0, -extension.length).replaceAll(sep, '/')
    const other = pictures.get(name)
    if (other) throw new UserError(`${other} and ${path} have the same name: keep one of them`)
    pictures.set(name, path)
  }
  if (pictures.size === 0)
    throw new UserError(`expected pictures (${[...pictureExtensions].join(', ')}) in ${folder}, found none`)
  return new Map([...pictures].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** What protecting and recovering add to a picture's name: NAME.anonymized.jpg, NAME.hidden-2.jpg, NAME.anonymized.recovered.jpg. */
const added = /(?:\.(?:anonymized|hidden)(?:-(?<sample>\d+))?)?(?:\.recovered)?$/

/**
 * The pictures below a folder of versions by the names of their originals, sample after sample. A folder has the names of the
 * originals, or those with what protecting and recovering adds: all samples of a picture then lie in it side by side.
 * @throws UserError as `listPictures`
 */
export async function listSamples(folder: string, originals: Iterable<string>): Promise<Map<string, string>[]> {
  const pictures = await listPictures(folder)
  if ([...originals].some(name => pictures.has(name))) return [pictures]
  const samples = new Map<number, Map<string, string>>()
  for (const [name, path] of pictures) {
    const { index, groups } = added.exec(name)!
    const number = Number(groups?.sample ?? 1)
    const sample = samples.get(number) ?? new Map<string, string>()
    samples.set(number, sample)
    const original = name.slice(0, index)
    const other = sample.get(original)
    if (other) throw new UserError(`${other} and ${path} are of the same picture: keep one of them`)
    sample.set(original, path)
  }
  return [...samples].sort(([a], [b]) => a - b).map(([, sample]) => sample)
}

/**
 * Refuses a folder whose pictures are not those of the originals.
 * @throws UserError with the names that only one of the two has
 */
export function checkNames(
  originals: { readonly folder: string; readonly names: Iterable<string> },
  other: { readonly folder: string; readonly names: Iterable<string> },
): void {
  const [expected, found] = [new Set(originals.names), new Set(other.names)]
  const missing = [...expected].filter(name => !found.has(name))
  const extra = [...found].filter(name => !expected.has(name))
  if (missing.length + extra.length === 0) return
  const problems = [
    missing.length > 0 && `${missing.length} of ${originals.folder} are missing (${listed(missing)})`,
    extra.length > 0 && `${extra.length} are not in ${originals.folder} (${listed(extra)})`,
  ]
  throw new UserError(
    `expected the same picture names in ${other.folder} as in ${originals.folder}: ${problems.filter(Boolean).join('; ')}`,
  )
}

/**
 * What identifies a picture file, and its size.
 * @throws UserError when it is no picture
 */
export async function identifyPicture(path: string): Promise<Picture> {
  const bytes = await readBytes(path)
  try {
    if (!pictureFormat(bytes.subarray(0, headBytes))) throw new Error('a file of another kind')
    const { autoOrient } = await sharp(bytes).metadata()
    return { path, hash: createHash('sha256').update(bytes).digest('hex'), ...autoOrient }
  } catch {
    throw new UserError(`expected a picture, found something else: ${path}; give another file or leave it out`)
  }
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesShown).join(', ')
  return names.length > namesShown ? `${shown} and ${names.length - namesShown} more` : shown
}
