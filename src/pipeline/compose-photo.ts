/** Photos out of faces: each sample in its place, and what that changed kept for the key. */
import type { Box } from '../faces/box.ts'
import { compositeFace } from '../faces/composite.ts'
import { coverFace } from '../faces/cover-face.ts'
import type { Face } from '../faces/detect.ts'
import { grainOf } from '../faces/match-detail.ts'
import { pasteFace } from '../faces/paste.ts'
import type { Image } from '../images/image.ts'
import { type PhotoKey, pictureHash } from '../keys/key.ts'
import { changedBox, cropOriginal, union } from '../keys/original-crop.ts'
import { viewOf } from '../keys/view.ts'
import type { Secret } from '../util/random.ts'
import type { PhotoFace, UnboundKey } from './photo-face.ts'
import type { PhotoReport } from './photo-report.ts'

/** What takes the place of a face: a protected version of the aligned face, or a cover that leaves so many means a side. */
export type FaceSample = Image | { readonly cells: number }

/** One face of a photo and what became of it. */
export interface ProtectedFace extends PhotoFace {
  readonly samples: readonly FaceSample[]
  readonly key: UnboundKey
}

/** A photo with its faces replaced. */
export interface AssembledPhoto {
  /** What its random numbers came from, unless that was a seed. */
  readonly secret?: Secret | undefined
  readonly faces: readonly ProtectedFace[]
  /** The photo with all its faces protected, one a sample. */
  readonly photos: readonly Image[]
}

export interface ProtectedPhoto extends AssembledPhoto {
  readonly report: PhotoReport
}

/**
 * The photo with the protected versions of all its faces put back, one photo a sample, and the faces' keys with what that
 * changed of the photo.
 */
export async function assemblePhoto(photo: Image, faces: readonly ProtectedFace[]): Promise<AssembledPhoto> {
  const changed: (Box | undefined)[] = faces.map(() => undefined)
  const photos = faces[0]!.samples.map((_, i) =>
    composePhoto(
      photo,
      faces.map(face => ({ ...face, sample: face.samples[i]! })),
      (k, before, after) => {
        changed[k] = union(changed[k], changedBox(before, after))
      },
    ),
  )
  const keyed = faces.map(async (face, k): Promise<ProtectedFace> => {
    const box = changed[k]
    return box ? { ...face, key: { ...face.key, crop: await cropOriginal(photo, box) } } : face
  })
  const { randomness } = faces[0]!
  return {
    ...(typeof randomness === 'string' && { secret: randomness }),
    faces: await Promise.all(keyed),
    photos,
  }
}

/**
 * The photo with a sample in the place of each of its faces.
 * @param onFace called with each face's number and the photo before and after it
 */
export function composePhoto(
  photo: Image,
  faces: readonly (FacePlace & { readonly sample: FaceSample; readonly found: Face })[],
  onFace?: (face: number, before: Image, after: Image) => void,
): Image {
  const composed = faces.reduce((before, { sample, ...face }, k) => {
    const after = 'cells' in sample ? coverFace(before, face.found, sample) : putBack(before, sample, face)
    onFace?.(k, before, after)
    return after
  }, photo)
  return { ...composed, ...(photo.alpha && { alpha: photo.alpha }) }
}

/** Where a changed face goes, and what its grain comes from. */
interface FacePlace
  extends Pick<PhotoFace, 'alignment' | 'transform'>,
    Partial<Pick<PhotoFace, 'randomness' | 'identity'>> {
  readonly found: Pick<Face, 'landmarks'>
}

/** The photo with a changed face in the place of the one that was cut out. */
export function putBack(
  photo: Image,
  changed: Image,
  { alignment, transform, found, randomness, identity }: FacePlace,
): Image {
  if (alignment === 'template') return pasteFace(photo, changed, transform)
  return compositeFace(photo, changed, { transform, landmarks: found.landmarks, grain: grainOf(randomness, identity) })
}

/** The versions of a photo, and what its key is made of. */
export type ProtectedVersions = Pick<ProtectedPhoto, 'photos' | 'secret'> & {
  readonly faces: readonly { readonly key: UnboundKey }[]
}

/**
 * The key of one version of a photo.
 * @param version its picture, and `file` the bytes that this is written as: the key is bound to them
 * @param original the original photo's file, where the key is to hold it instead of its faces alone
 */
export async function photoKey(
  { faces, secret }: Omit<ProtectedVersions, 'photos'>,
  version: Image,
  file: Uint8Array,
  original?: Uint8Array,
): Promise<PhotoKey> {
  const picture = pictureHash(file)
  return {
    picture,
    size: { width: version.width, height: version.height },
    view: await viewOf(version),
    ...(secret && { secret }),
    ...(original && { original }),
    faces: faces.map(({ key: { crop, ...key } }) => ({ ...key, picture, ...(crop && !original && { crop }) })),
  }
}
