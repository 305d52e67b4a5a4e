/** A photo of the demonstration in its versions, which grow face by face. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Recipe } from '../config/recipe.ts'
import { readImage } from '../images/codec.ts'
import type { Image } from '../images/image.ts'
import { assemblePhoto, type ProtectedFace } from '../pipeline/compose-photo.ts'
import { protectedPaths, recoveredPath } from '../pipeline/files.ts'
import type { PhotoFace } from '../pipeline/photo-face.ts'
import { writeProtected } from '../pipeline/protect-file.ts'
import { type LockedPicture, recoverFile } from '../pipeline/recover-file.ts'
import type { PhotoFigure } from './demo-figures.ts'
import { dataUri } from './html.ts'

/** The recipes of the demonstration: of hidden faces one sample is made, whatever the recipe says. */
export interface DemoRecipes {
  readonly anonymize: Recipe
  readonly hide: Recipe
}

/** A photo with what has been made of it so far. */
export interface DemoPhoto {
  readonly name: string
  readonly original: Image
  /** The original for the report, once it was asked for. */
  uri?: string
  readonly faces: readonly PhotoFace[]
  /** The anonymized versions, one a sample, the hidden one, and the one recovered from the first. */
  readonly versions: readonly PhotoVersion[]
  /** The faces that were protected in each way, in their order. */
  readonly done: Readonly<Record<ProtectedKind, ProtectedFace[]>>
}

export type ProtectedKind = 'anonymized' | 'hidden'

/** The photo in one of its versions. */
export interface PhotoVersion {
  readonly kind: ProtectedKind | 'recovered'
  readonly title: string
  /** Where it is written. */
  readonly path: string
  /** What others see of it: the file and its pixels. Undefined until a face was put into it. */
  seen?: { readonly bytes: Uint8Array; readonly image: Image; uri?: string }
}

/** Width in pixels of the photos that the report shows large and small. */
const [largeWidth, smallWidth] = [1280, 800]

/** Where the versions of a photo are written: anonymized ones, the hidden one, and the one recovered from the first. */
export function demoPaths(path: string, { anonymize, hide }: DemoRecipes, out: string) {
  const file = { path, folder: '' }
  const anonymized = protectedPaths(file, anonymize, { out })
  const [hidden] = protectedPaths(file, { ...hide, samples: 1 }, { out })
  return { anonymized, hidden: hidden!, recovered: recoveredPath({ path: anonymized[0]!, folder: '' }, out) }
}

/** A photo none of whose faces is done. */
export function demoPhoto(
  path: string,
  { original, faces }: Pick<DemoPhoto, 'original' | 'faces'>,
  recipes: DemoRecipes,
  out: string,
): DemoPhoto {
  const { anonymized, hidden, recovered } = demoPaths(path, recipes, out)
  const numbered = (i: number) => (anonymized.length === 1 ? 'anonymized' : `anonymized ${i + 1}`)
  return {
    name: basename(path),
    original,
    faces,
    versions: [
      ...anonymized.map((path, i): PhotoVersion => ({ kind: 'anonymized', title: numbered(i), path })),
      { kind: 'hidden', title: 'hidden', path: hidden },
      { kind: 'recovered', title: 'recovered', path: recovered },
    ],
    done: { anonymized: [], hidden: [] },
  }
}

/** The versions of a kind. */
export function versionsOf({ versions }: DemoPhoto, kind: PhotoVersion['kind']): readonly PhotoVersion[] {
  return versions.filter(version => version.kind === kind)
}

/** Puts a protected face into the versions of its kind and writes them with the keys of all faces in them. */
export async function addProtected(photo: DemoPhoto, kind: ProtectedKind, face: ProtectedFace): Promise<void> {
  photo.done[kind].push(face)
  const versions = versionsOf(photo, kind)
  const assembled = await assemblePhoto(photo.original, photo.done[kind])
  await writeProtected(
    assembled,
    versions.map(({ path }) => path),
  )
  await Promise.all(versions.map(look))
}

/** Recovers the photo from a protected picture and its keys, as the command `recover` does. */
export async function addRecovered(photo: DemoPhoto, locked: LockedPicture): Promise<void> {
  const [version] = versionsOf(photo, 'recovered')
  const noModel = () => Promise.reject(new Error(`${locked.path}: expected a key that holds the original, found none`))
  await recoverFile(noModel, locked, version!.path)
  await look(version!)
}

async function look(version: PhotoVersion): Promise<void> {
  const bytes = await readFile(version.path)
  version.seen = { bytes, image: await readImage(bytes, version.path) }
}

/**
 * A photo for the report: the original and the first version of each kind.
 * @param done the faces to mark
 */
export async function describePhoto(photo: DemoPhoto, done: readonly PhotoFace[]): Promise<PhotoFigure> {
  const { name, original } = photo
  const shown = async (kind: PhotoVersion['kind'], width: number) => {
    const seen = versionsOf(photo, kind)[0]!.seen!
    seen.uri ??= await dataUri(seen.image, width)
    return seen.uri
  }
  photo.uri ??= await dataUri(original, largeWidth)
  return {
    name,
    width: original.width,
    height: original.height,
    faces: done.map(({ index, found }) => ({ face: index, box: found.box })),
    original: photo.uri,
    anonymized: await shown('anonymized', largeWidth),
    others: [
      { title: 'Hidden', uri: await shown('hidden', smallWidth) },
      { title: 'Recovered with the key', uri: await shown('recovered', smallWidth) },
    ],
  }
}
