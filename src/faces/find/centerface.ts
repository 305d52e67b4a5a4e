/** CenterFace over its weights, and one pass of it over a picture. */
import * as tf from '@tensorflow/tfjs'
import { verify } from '#checksum'
import { repositoryPath } from '#paths'
import type { Image } from '../../images/image.ts'
import { centerFace, headChannels, inputMultiple, stride } from '../../models/detectors/centerface.ts'
import { oncePer } from '../../util/memoize.ts'
import { loadWeights } from '../../weights/load.ts'
import { type Box, withoutOverlaps } from '../box.ts'
import { read } from '../networks.ts'
import type { Point } from '../template.ts'

/** A face as the detector says it, in the pixels of the picture that it was shown. */
export interface Candidate {
  readonly box: Box
  /** 0..1. */
  readonly score: number
  /** Eyes, nose tip and mouth corners, the left ones as seen in the picture first where the face is upright. */
  readonly points: readonly Point[]
}

const weightsPath = repositoryPath('assets/centerface.safetensors')
const checksum = '2ace3f32f12c972f771a2859d562197c62b88c75e192af61fb47d6756e0bf312'

const network = centerFace()

/** The weights on the backend in use, read once a backend. */
const weightsOn = oncePer(async (_backend: string) => {
  await verify(weightsPath, checksum)
  return loadWeights(weightsPath, network.parameters, { strict: true })
})

/**
 * One look of the detector at each of some pictures of one size, at their full resolution.
 * @param leastScore of a face, 0..1
 * @returns for each picture, its faces, surest first, of overlapping ones the surest
 */
export async function centerFaces(pictures: readonly Image[], leastScore: number): Promise<Candidate[][]> {
  const [first] = pictures
  if (!first) return []
  const weights = await weightsOn(tf.getBackend())
  const [height, width] = [first.height, first.width].map(side => Math.ceil(side / inputMultiple) * inputMultiple) as [
    number,
    number,
  ]
  const output = tf.tidy(() =>
    network(weights, tf.tensor4d(batch(pictures, width, height), [pictures.length, height, width, 3])),
  )
  const values = await read(output)
  const [rows, columns] = [height / stride, width / stride]
  const size = rows * columns * headChannels
  return pictures.map((_, i) =>
    withoutOverlaps(peaks(values.subarray(i * size, (i + 1) * size), rows, columns, leastScore)),
  )
}

/** Pixels 0..255 with black to the right and below. */
function batch(pictures: readonly Image[], width: number, height: number): Float32Array {
  const values = new Float32Array(pictures.length * height * width * 3)
  pictures.forEach((picture, i) => {
    const row = 3 * picture.width
    for (let y = 0; y < picture.height; y++)
      values.set(picture.data.subarray(y * row, (y + 1) * row), 3 * width * (i * height + y))
  })
  return values
}

/** The cells of one output that are as sure as their eight neighbours and sure enough. */
function peaks(values: Float32Array, rows: number, columns: number, leastScore: number): Candidate[] {
  const least = Math.log(leastScore / (1 - leastScore))
  const logit = (row: number, column: number) => values[(row * columns + column) * headChannels]!
  const found: Candidate[] = []
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const own = logit(row, column)
      if (own < least || !isPeak(row, column, own)) continue
      found.push(decode(values.subarray((row * columns + column) * headChannels), row, column))
    }
  }
  return found

  function isPeak(row: number, column: number, own: number): boolean {
    for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++)
      for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++)
        if (logit(y, x) > own) return false
    return true
  }
}

/** What a cell says, in input pixels. */
function decode(cell: Float32Array, row: number, column: number): Candidate {
  const [height, width] = [Math.exp(cell[1]!) * stride, Math.exp(cell[2]!) * stride]
  const x = (column + cell[4]! + 0.5) * stride - width / 2
  const y = (row + cell[3]! + 0.5) * stride - height / 2
  return {
    box: { x, y, width, height },
    score: 1 / (1 + Math.exp(-cell[0]!)),
    points: Array.from({ length: 5 }, (_, i) => ({
      x: cell[6 + 2 * i]! * width + x,
      y: cell[5 + 2 * i]! * height + y,
    })),
  }
}
