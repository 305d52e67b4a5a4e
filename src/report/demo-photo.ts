/** A photo of the demonstration in its versions, which grow face by face. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Recipe } from '../config/recipe.ts'
import { encodeImage, type Image, readImage, writeImage } from '../data/image.ts'
import { pasteFace } from '../faces/paste.ts'
import { protectedPaths, recoveredPath, writeProtected } from '../protect/files.ts'
import type { PhotoFace, UnboundKey } from '../protect/photo.ts'
import type { ShownPhoto, VersionKind } from './demo-report.ts'
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
  readonly faces: readonly PhotoFace[]
  readonly versions: readonly Version[]
  /** Of the faces that were done, in their order. */
  readonly keys: UnboundKey[]
}

/** The photo in one of its versions. */
export interface Version {
  readonly kind: VersionKind
  readonly title: string
  /** Where it is written; the one of the wrong key is not. */
  readonly path?: string
  /** The faces that were put into it, in their order. */
  readonly done: VersionFace[]
  /** As a file of its path's format, or as PNG: what others see of it. */
  bytes: Uint8Array
  /** For the report. */
  uri: string
}

interface VersionFace {
  readonly face: PhotoFace
  readonly picture: Image
}

/** Width in pixels of the photos that the report shows. */
const shownWidth = 1000

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
  const version = (kind: VersionKind, title: string, path?: string): Version => ({
    kind,
    title,
    path,
    done: [],
    bytes: new Uint8Array(),
    uri: '',
  })
  const { anonymized, hidden, recovered } = demoPaths(path, recipes, out)
  return {
    name: basename(path),
    original,
    faces,
    versions: [
      ...anonymized.map((path, i) =>
        version('anonymized', anonymized.length === 1 ? 'anonymized' : `anonymized ${i + 1}`, path),
      ),
      version('hidden', 'hidden', hidden),
      version('recovered', 'recovered', recovered),
      version('wrongKey', 'wrong key'),
    ],
    keys: [],
  }
}

/** The versions of a kind. */
export function versionsOf({ versions }: DemoPhoto, kind: VersionKind): readonly Version[] {
  return versions.filter(version => version.kind === kind)
}

/**
 * Puts a protected face into the versions of its kind and writes them with the photo's keys.
 * @param pictures the protected face, one a version
 */
export async function addProtected(
  photo: DemoPhoto,
  kind: VersionKind,
  face: PhotoFace,
  pictures: readonly Image[],
): Promise<void> {
  const faces = photo.keys.map(key => ({ key }))
  for (const [i, version] of versionsOf(photo, kind).entries()) {
    version.done.push({ face, picture: pictures[i]! })
    const image = withFaces(photo.original, version)
    await writeProtected({ faces, photos: [image] }, [version.path!])
    await look(version, await readFile(version.path!))
  }
}

/** Puts a face that a key regenerated into the version of its kind: into the protected photo that the key lies beside. */
export async function addRegenerated(
  photo: DemoPhoto,
  kind: VersionKind,
  face: PhotoFace,
  picture: Image,
  protectedPhoto: Image,
): Promise<void> {
  for (const version of versionsOf(photo, kind)) {
    version.done.push({ face, picture })
    const image = withFaces(protectedPhoto, version)
    if (version.path) await writeImage(version.path, image)
    await look(version, version.path ? await readFile(version.path) : await encodeImage(image, 'png'))
  }
}

function withFaces(photo: Image, { done }: Version): Image {
  return done.reduce((image, { face, picture }) => pasteFace(image, picture, face.transform), photo)
}

async function look(version: Version, bytes: Uint8Array): Promise<void> {
  version.bytes = bytes
  version.uri = await dataUri(await readImage(bytes), shownWidth)
}

/**
 * A photo for the report: the original and one version of each kind, none of the wrong key.
 * @param done the faces to mark
 */
export async function describePhoto(photo: DemoPhoto, done: readonly PhotoFace[]): Promise<ShownPhoto> {
  const { name, original } = photo
  const kinds: readonly VersionKind[] = ['anonymized', 'hidden', 'recovered']
  return {
    name,
    width: original.width,
    height: original.height,
    faces: done.map(({ index, found }) => ({ face: index, box: found.box })),
    pictures: [
      { title: 'original', uri: await dataUri(original, shownWidth) },
      ...kinds.map(kind => versionsOf(photo, kind)[0]!).map(({ title, uri }) => ({ title, uri })),
    ],
  }
}
