/** Faces to compose scenes from: pictures of a folder that show one person, and where the face is in them. */
import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { Box } from '../../src/faces/box.ts'
import { frameOf, repeatEdge } from '../../src/faces/box.ts'
import { detectSsd } from '../../src/faces/ssd-mobilenet.ts'
import type { Point } from '../../src/faces/template.ts'
import { readImage } from '../../src/images/codec.ts'
import { pictureExtensions } from '../../src/images/format.ts'
import type { Image } from '../../src/images/image.ts'
import { UserError } from '../../src/util/errors.ts'
import { RandomStream } from '../../src/util/random.ts'

/** Where a face is, in a picture's pixels. */
export interface Place {
  readonly box: Box
  /** Eye centres, nose tip and mouth corners. */
  readonly points: readonly Point[]
}

export interface SourceFace extends Place {
  readonly name: string
  readonly picture: Image
}

/** The picture files below a folder, in order. @throws UserError when there are none */
export async function picturesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => {
    throw new UserError(`expected a folder of pictures, found none: ${folder}`)
  })
  const files = entries.filter(entry => entry.isFile() && pictureExtensions.has(extname(entry.name).toLowerCase()))
  if (files.length === 0) throw new UserError(`expected pictures, found none below ${folder}`)
  return files.map(file => join(file.parentPath, file.name)).sort()
}

/** Of the faces of a picture, as SSD MobileNet finds them upright, the surest near the middle; and whether it is alone. */
export async function placeIn(picture: Image, minConfidence = 0.3): Promise<(Place & { sure: boolean }) | undefined> {
  const margin = frameOf(picture)
  const found = await detectSsd(repeatEdge(picture, margin), { inputSize: [256, 512], minConfidence })
  const back = ({ x, y }: Point) => ({ x: x - margin, y: y - margin })
  const faces = found.map(({ box, points, score }) => ({
    box: { ...box, ...back(box) },
    points: points.map(back),
    score,
  }))
  const offset = ({ box }: Place) =>
    Math.hypot(box.x + box.width / 2 - picture.width / 2, box.y + box.height / 2 - picture.height / 2) / box.width
  const [best, ...others] = faces.toSorted((p, q) => offset(p) - q.score - (offset(q) - p.score) || 0)
  return best && { box: best.box, points: best.points, sure: others.length === 0 && best.score > 0.9 }
}

/**
 * `count` faces of a folder in random order: of pictures in which SSD MobileNet, a detector that the finder does not use, is
 * sure of one face and sees no other.
 * @throws UserError when there are not as many
 */
export async function sourceFaces(folder: string, count: number, seed: number): Promise<SourceFace[]> {
  const paths = await picturesBelow(folder)
  const faces: SourceFace[] = []
  for (const i of new RandomStream(seed, 'faces', folder).permutation(paths.length)) {
    if (faces.length === count) break
    const name = paths[i]!
    const picture = await readImage(name)
    const place = await placeIn(picture)
    if (place?.sure) faces.push({ name, picture, box: place.box, points: place.points })
  }
  if (faces.length < count)
    throw new UserError(`expected ${count} pictures of one face, found ${faces.length} in ${folder}`)
  return faces
}
