/** What the demonstration measures of a face: each version as others see it, against the original. */

import { psnr } from '../eval/metrics/pixel-error.ts'
import { align, alignFace, alignFfhq } from '../faces/alignment.ts'
import { type Box, frameOf, intersectionOverUnion, repeatEdge } from '../faces/box.ts'
import type { Point } from '../faces/template.ts'
import { apply, scaleOf } from '../faces/warp.ts'
import { encodeImage } from '../images/codec.ts'
import type { Image } from '../images/image.ts'
import type { PhotoFace } from '../pipeline/photo-face.ts'
import type { FaceWorkers, WorkOptions } from '../pipeline/tasks.ts'
import type { FaceFigure, MeasuredVersion, VersionKind } from './demo-figures.ts'
import type { DemoPhoto, PhotoVersion } from './demo-photo.ts'
import { dataUri } from './html.ts'

/** Side in pixels of the faces that the report shows large and small. */
const [largeSide, smallSide] = [768, 384]

/** Decibels of pictures in which nothing differs, whose ratio is infinite. */
const identical = 100

/** An aligned face that a key gave back by way of the model. */
export interface RegeneratedFace {
  readonly kind: 'regenerated' | 'wrongKey'
  readonly title: string
  readonly picture: Image
}

export interface MeasuredVersions {
  readonly versions: readonly MeasuredVersion[]
  /** The face in the original and in each version, for the report. */
  readonly figure: FaceFigure
}

/** A version to look at: a picture, and where in it the face is to be. */
interface Seen {
  readonly kind: VersionKind
  readonly title: string
  readonly picture: Image
  /** The picture as a file. */
  readonly bytes: Uint8Array
  readonly landmarks: readonly Point[]
  readonly box: Box
  /** The face in the model's alignment, where it is to be the original's. */
  readonly aligned?: Image
  /** What the report shows. */
  readonly portrait: Image
}

/** Measures a face in each version of its photo, where the original is, and as a key regenerates it. */
export async function measureVersions(
  workers: FaceWorkers,
  photo: DemoPhoto,
  face: PhotoFace,
  regenerated: readonly RegeneratedFace[],
  options: WorkOptions,
): Promise<MeasuredVersions> {
  const { landmarks } = face.found
  const seen = await Promise.all([
    ...photo.versions.map(version => inPhoto(version, face)),
    ...regenerated.map(version => alone(version, face)),
  ])
  const found = await Promise.all(seen.map(({ bytes, box }) => findAgain(workers, bytes, box, options)))
  const original = (await alignFace(photo.original, landmarks)).face
  const cuts = await Promise.all(
    seen.map(async ({ kind, picture, landmarks }, i) => {
      // What a wrong key gives need not lie where the original does.
      const own = kind === 'wrongKey' ? found[i]?.landmarks : undefined
      return (await alignFace(picture, own ?? landmarks)).face
    }),
  )
  const similarities = await workers.compare([original, ...cuts], options)
  const versions = seen.map(
    ({ kind, title, aligned }, i): MeasuredVersion => ({
      kind,
      title,
      similarity: similarities[i]!,
      detected: found[i] !== undefined,
      ...(aligned && { psnr: Math.min(identical, psnr(aligned, face.face)) }),
    }),
  )
  const [shown, ...portraits] = await Promise.all(
    [portraitOf(photo.original, landmarks, largeSide), ...seen.map(({ portrait }) => portrait)].map(each =>
      dataUri(each),
    ),
  )
  return { versions, figure: { original: shown!, versions: portraits } }
}

async function inPhoto({ kind, title, seen }: PhotoVersion, { found, alignment, face }: PhotoFace): Promise<Seen> {
  const { image, bytes } = seen!
  const { landmarks, box } = found
  const aligned = kind === 'recovered' ? (await align(alignment, image, landmarks, face.width)).face : undefined
  const portrait = portraitOf(image, landmarks, kind === 'anonymized' ? largeSide : smallSide)
  return { kind, title, picture: image, bytes, landmarks, box, portrait, ...(aligned && { aligned }) }
}

/** A face that stands alone gets a frame: detectors are made for faces in pictures. */
async function alone({ kind, title, picture }: RegeneratedFace, { face, transform, found }: PhotoFace): Promise<Seen> {
  const margin = frameOf(picture)
  const framed = repeatEdge(picture, margin)
  const scale = picture.width / face.width
  const place = (point: Point) => {
    const { x, y } = apply(transform, point)
    return { x: scale * x + margin, y: scale * y + margin }
  }
  const { x, y, width, height } = found.box
  const middle = place({ x: x + width / 2, y: y + height / 2 })
  const [w, h] = [width, height].map(side => side * scale * scaleOf(transform)) as [number, number]
  return {
    kind,
    title,
    picture: framed,
    bytes: await encodeImage(framed, 'png'),
    landmarks: found.landmarks.map(place),
    box: { x: middle.x - w / 2, y: middle.y - h / 2, width: w, height: h },
    aligned: picture,
    portrait: picture,
  }
}

/** A face of a photo with hair and chin, as in FFHQ. */
function portraitOf(photo: Image, landmarks: readonly Point[], side: number): Image {
  return alignFfhq(photo, landmarks, side).face
}

/** The face that a detector, another one than finds the faces to protect, finds where one was: the boxes' intersection is more than half of their union. */
async function findAgain(workers: FaceWorkers, picture: Uint8Array, box: Box, options: WorkOptions) {
  const faces = await workers.detectSsd(picture, options)
  return faces.find(face => intersectionOverUnion(face.box, box) > 0.5)
}
