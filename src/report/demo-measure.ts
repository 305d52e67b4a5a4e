/** What the demonstration measures of a face: each version of the photo as others see it, against the original. */
import { readImage } from '../data/image.ts'
import { psnr } from '../eval/metrics/psnr.ts'
import { alignFace } from '../faces/align.ts'
import { type Box, intersectionOverUnion } from '../faces/box.ts'
import type { FaceWorkers, WorkOptions } from '../protect/face-workers.ts'
import type { PhotoFace } from '../protect/photo.ts'
import type { DemoPhoto } from './demo-photo.ts'
import type { MeasuredVersion } from './demo-report.ts'
import { dataUri } from './html.ts'

/** Side in pixels of the faces that the report shows. */
const shownSide = 256

export interface MeasuredVersions {
  readonly versions: readonly MeasuredVersion[]
  /** The face in the original and in each version, for the report. */
  readonly pictures: readonly string[]
}

/** Measures the face that was last put into each version of its photo. */
export async function measureVersions(
  workers: FaceWorkers,
  photo: DemoPhoto,
  { face, found }: PhotoFace,
  options: WorkOptions,
): Promise<MeasuredVersions> {
  const seen = await Promise.all(photo.versions.map(({ bytes }) => readImage(bytes)))
  const cuts = await Promise.all(seen.map(image => alignFace(image, found.landmarks, face.width)))
  const [detected, similarities] = await Promise.all([
    Promise.all(photo.versions.map(({ bytes }) => isFound(workers, bytes, found.box, options))),
    workers.compare([face, ...cuts.map(cut => cut.face)], options),
  ])
  const versions = photo.versions.map(
    ({ kind, title, done }, i): MeasuredVersion => ({
      kind,
      title,
      similarity: similarities[i]!,
      detected: detected[i]!,
      ...((kind === 'recovered' || kind === 'wrongKey') && { psnr: psnr(done.at(-1)!.picture, face) }),
    }),
  )
  const portrait = async (image: DemoPhoto['original']) =>
    dataUri((await alignFace(image, found.landmarks, shownSide)).face)
  return { versions, pictures: await Promise.all([photo.original, ...seen].map(portrait)) }
}

/** Whether the detector finds a face where one was: the boxes' intersection is more than half of their union. */
async function isFound(workers: FaceWorkers, photo: Uint8Array, box: Box, options: WorkOptions): Promise<boolean> {
  const faces = await workers.detect(photo, { inputSize: [256, 512], turned: false, ...options })
  return faces.some(face => intersectionOverUnion(face.box, box) > 0.5)
}
