/** The faces of pictures: where they are, and their 68 landmarks. */
import { join } from 'node:path'
import type { Box } from '../../faces/box.ts'
import { frameOf, repeatEdge } from '../../faces/box.ts'
import { faceApi } from '../../faces/face-api.ts'
import { faceNetworkFiles } from '../../faces/networks.ts'
import { detectSsd } from '../../faces/ssd-mobilenet.ts'
import type { Point } from '../../faces/template.ts'
import type { Image } from '../../images/image.ts'
import { checksumOf } from './cache.ts'
import type { PictureFeature } from './feature.ts'

/** A face of a picture, in its pixels. */
export interface FoundFace {
  readonly score: number
  readonly box: Box
  /** The 68 landmarks. */
  readonly landmarks: readonly Point[]
}

/** Numbers a face in a row: score, box and landmarks. */
const faceLength = 5 + 2 * 68

/** Input sides of the detector, tried in turn until a face is found. */
const inputSizes = [256, 512, 1024]

/**
 * The faces that SSD MobileNet finds, at least as sure as 0.5, and their landmarks. It is made for faces in pictures, not
 * for pictures that a face fills: a quarter of the longer side is added all around by repeating the edge.
 */
export const foundFaces: PictureFeature = {
  name: 'faces',
  of: 'picture',
  load: async () => ({
    checksum: await checksumOf(faceNetworkFiles.map(file => join(faceApi().folder, file))),
    compute: async pictures => {
      const rows: Float32Array[] = []
      for (const picture of pictures) rows.push(writeFaces(await findFaces(picture)))
      return rows
    },
  }),
}

async function findFaces(picture: Image): Promise<FoundFace[]> {
  const margin = frameOf(picture)
  const framed = repeatEdge(picture, margin)
  const side = Math.max(framed.width, framed.height)
  const back = ({ x, y }: Point) => ({ x: x - margin, y: y - margin })
  for (const inputSize of inputSizes.filter(size => size === inputSizes[0] || size <= 1.5 * side)) {
    const faces = await detectSsd(framed, { inputSize })
    if (faces.length > 0)
      return faces.map(({ score, box, landmarks }) => ({
        score,
        box: { ...box, ...back(box) },
        landmarks: landmarks.map(back),
      }))
  }
  return []
}

function writeFaces(faces: readonly FoundFace[]): Float32Array {
  return Float32Array.from(
    faces.flatMap(({ score, box: { x, y, width, height }, landmarks }) => [
      ...[score, x, y, width, height],
      ...landmarks.flatMap(point => [point.x, point.y]),
    ]),
  )
}

/** The faces in a row of `foundFaces`. */
export function readFaces(row: Float32Array): FoundFace[] {
  return Array.from({ length: row.length / faceLength }, (_, i) => {
    const [score, x, y, width, height, ...points] = row.subarray(i * faceLength, (i + 1) * faceLength)
    const landmarks = Array.from({ length: 68 }, (_, k) => ({ x: points[2 * k]!, y: points[2 * k + 1]! }))
    return { score: score!, box: { x: x!, y: y!, width: width!, height: height! }, landmarks }
  })
}

/** The score of the surest face in a row of `foundFaces`, 0 where there is none. */
export function surest(row: Float32Array): number {
  return Math.max(0, ...readFaces(row).map(({ score }) => score))
}

/** The face of a picture whose middle is nearest to a point. */
export function nearest(faces: readonly FoundFace[], to: Point): FoundFace | undefined {
  const distance = (face: FoundFace) => Math.hypot(centreOf(face).x - to.x, centreOf(face).y - to.y)
  return faces.toSorted((p, q) => distance(p) - distance(q))[0]
}

/** The middle of a face's box, or of a whole picture. */
export function centreOf(of: FoundFace | { readonly width: number; readonly height: number }): Point {
  const { x, y, width, height } = 'box' in of ? of.box : { x: 0, y: 0, ...of }
  return { x: x + width / 2, y: y + height / 2 }
}
