/** From a picture of a data set to its aligned face, or why there is none. */
import { alignFace } from '../faces/alignment.ts'
import type { Box } from '../faces/box.ts'
import { detectFaces, type Face } from '../faces/detect.ts'
import { landmarksInBox } from '../faces/landmarks.ts'
import type { Point } from '../faces/template.ts'
import { resizeImage } from '../images/codec.ts'
import type { Image } from '../images/image.ts'
import type { DatasetManifest } from './manifest.ts'

/** Why a picture gives no face. */
export const dropReasons = ['no face', 'several faces', 'too small', 'unreadable', 'duplicate'] as const
export type DropReason = (typeof dropReasons)[number]

export interface Dropped {
  readonly reason: DropReason
  /** What was found, where that helps. */
  readonly detail?: string
}

/** The aligned face of a picture, `size` x `size`, as the manifest says where it is. */
export async function cutFace(photo: Image, manifest: DatasetManifest, size: number): Promise<Image | Dropped> {
  if (manifest.aligned) return resizeImage(photo, size, size)
  const landmarks = await findLandmarks(photo, manifest)
  if ('reason' in landmarks) return landmarks
  const { face, transform } = await alignFace(photo, landmarks, size)
  const side = size / Math.hypot(transform.a, transform.b)
  if (side >= manifest.leastFace) return face
  return { reason: 'too small', detail: `${Math.round(side)} pixels, expected ${manifest.leastFace} or more` }
}

/** The landmarks of the face in the manifest's box, or of the only face, or of that nearest to the middle. */
async function findLandmarks(
  photo: Image,
  { faceBox, severalFaces }: DatasetManifest,
): Promise<readonly Point[] | Dropped> {
  if (faceBox) return landmarksInBox(photo, scaleBox(faceBox, photo))
  const faces = await detectFaces(photo)
  return severalFaces === 'drop' ? onlyLandmarks(faces) : centralLandmarks(faces, photo)
}

/** Of the only face; smaller ones than half of it are people behind, or what the detector takes for a face. */
function onlyLandmarks(faces: readonly Face[]): readonly Point[] | Dropped {
  const side = ({ box }: Face) => Math.sqrt(box.width * box.height)
  const large = faces.filter(face => side(face) >= Math.max(...faces.map(side)) / 2)
  if (large.length > 1) return { reason: 'several faces', detail: `${large.length} of them` }
  return large[0]?.landmarks ?? { reason: 'no face' }
}

/** Of the face nearest to the middle. */
function centralLandmarks(faces: readonly Face[], photo: Image): readonly Point[] | Dropped {
  const offset = ({ box }: Face) =>
    Math.hypot(box.x + box.width / 2 - photo.width / 2, box.y + box.height / 2 - photo.height / 2)
  return faces.toSorted((p, q) => offset(p) - offset(q))[0]?.landmarks ?? { reason: 'no face' }
}

const scaleBox = ({ x, y, width, height }: Box, photo: Image): Box => ({
  x: x * photo.width,
  y: y * photo.height,
  width: width * photo.width,
  height: height * photo.height,
})
