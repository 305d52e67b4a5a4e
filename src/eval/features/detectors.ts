import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { blazeFacePath, detectBlaze } from '../../faces/blazeface.ts'
import { type Box, clip, frameOf, repeatEdge } from '../../faces/box.ts'
import { faceApi } from '../../faces/face-api.ts'
import { pixels } from '../../faces/networks.ts'
import { resizeImage } from '../../images/codec.ts'
import type { Image } from '../../images/image.ts'
import { oncePer } from '../../util/memoize.ts'
import { checksumOf } from './cache.ts'
import type { PictureFeature } from './feature.ts'

/** Scores and boxes of the faces that BlazeFace finds, surest first, on the picture framed as for `foundFaces`. */
export const blazeFaces: PictureFeature = {
  name: 'blaze-faces',
  of: 'picture',
  load: async () => ({
    checksum: await checksumOf([blazeFacePath().replace(/json$/, 'bin')], 'boxes'),
    compute: async pictures => {
      const rows: Float32Array[] = []
      for (const picture of pictures) {
        const margin = frameOf(picture)
        const found = await detectBlaze(repeatEdge(picture, margin))
        rows.push(
          Float32Array.from(
            found.flatMap(({ score, box }) => [score, box.x - margin, box.y - margin, box.width, box.height]),
          ),
        )
      }
      return rows
    },
  }),
}

/** The faces in a row of scores and boxes. */
export function readBoxes(row: Float32Array): { readonly score: number; readonly box: Box }[] {
  return Array.from({ length: row.length / 5 }, (_, i) => {
    const [score, x, y, width, height] = row.subarray(5 * i, 5 * i + 5) as unknown as [
      number,
      number,
      number,
      number,
      number,
    ]
    return { score, box: { x, y, width, height } }
  })
}

// A third detector: face-api's TinyFaceDetector, a small YOLO v2 (Redmon and Farhadi, arXiv 1612.08242).

/** Side of the input that is tried first, and of the next one where it finds nothing. */
const inputSides = [416, 608]

interface TinyDetector {
  loadFromDisk(folder: string): Promise<void>
  locateFaces(
    input: tf.Tensor3D,
    options: { inputSize: number; scoreThreshold: number },
  ): Promise<{ score: number; box: { x: number; y: number; width: number; height: number } }[]>
}

const loadOn = oncePer(async (_backend: string) => {
  const { classes, folder } = faceApi()
  const detector = new classes.TinyFaceDetector!() as TinyDetector
  await detector.loadFromDisk(folder)
  return detector
})

/** Scores and boxes of the faces that it finds, surest first, on the picture framed as for `foundFaces`. */
export const tinyFaces: PictureFeature = {
  name: 'tiny-faces',
  of: 'picture',
  load: async () => ({
    checksum: await checksumOf([join(faceApi().folder, 'tiny_face_detector_model.bin')]),
    compute: async pictures => {
      const rows: Float32Array[] = []
      for (const picture of pictures) rows.push(await find(picture))
      return rows
    },
  }),
}

async function find(picture: Image): Promise<Float32Array> {
  const margin = frameOf(picture)
  const framed = repeatEdge(picture, margin)
  const longer = Math.max(framed.width, framed.height)
  const scale = Math.min(1, inputSides.at(-1)! / longer)
  const small = await resizeImage(framed, Math.round(framed.width * scale), Math.round(framed.height * scale))
  const detector = await loadOn(tf.getBackend())
  for (const inputSize of inputSides) {
    const input = tf.tidy(() => tf.squeeze(pixels(small), [0]) as tf.Tensor3D)
    const found = await detector.locateFaces(input, { inputSize, scoreThreshold: 0.5 })
    input.dispose()
    const faces = found.flatMap(({ score, box: { x, y, width, height } }) => {
      const box = clip({ x: x / scale, y: y / scale, width: width / scale, height: height / scale }, framed)
      return box ? [{ score, box }] : []
    })
    if (faces.length > 0)
      return Float32Array.from(
        faces
          .toSorted((p, q) => q.score - p.score)
          .flatMap(({ score, box }) => [score, box.x - margin, box.y - margin, box.width, box.height]),
      )
  }
  return new Float32Array()
}
