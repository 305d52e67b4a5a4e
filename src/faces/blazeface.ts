/**
 * BlazeFace (Bazarevsky et al., arXiv 1907.05047) as @vladmandic/human (MIT) carries it: a second detector, which nothing
 * that protects faces uses.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { resizeImage } from '../images/codec.ts'
import type { Image } from '../images/image.ts'
import { oncePer } from '../util/memoize.ts'
import { packageFolder } from '../util/paths.ts'
import { type Box, clip, intersectionOverUnion } from './box.ts'

/** Side of the input. */
const inputSize = 256

/** Cells a side of the two grids of anchors, and anchors in each cell. */
const grids: readonly (readonly [cells: number, anchors: number])[] = [
  [16, 2],
  [8, 6],
]

/** Centres of the anchors in input pixels, x and y by turns. */
const anchors = Float32Array.from(
  grids.flatMap(([cells, count]) =>
    Array.from({ length: cells * cells * count }, (_, i) => Math.floor(i / count)).flatMap(cell => [
      ((cell % cells) + 0.5) * (inputSize / cells),
      (Math.floor(cell / cells) + 0.5) * (inputSize / cells),
    ]),
  ),
)

/** Where the network is; its weights are in `blazeface.bin` beside it. */
export const blazeFacePath = () => join(packageFolder('@vladmandic/human'), 'models', 'blazeface.json')

const loadOn = oncePer((_backend: string) => load())

async function load(): Promise<tf.GraphModel> {
  const path = blazeFacePath()
  const { modelTopology, weightsManifest } = JSON.parse(await readFile(path, 'utf8'))
  const weightData = Uint8Array.from(await readFile(path.replace(/json$/, 'bin'))).buffer
  const weightSpecs = weightsManifest.flatMap((group: { weights: tf.io.WeightsManifestEntry[] }) => group.weights)
  return tf.loadGraphModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) })
}

/**
 * The faces that BlazeFace finds in a photo, surest first, none twice; of about a tenth to all of its longer side.
 * @param minConfidence least score; 0.5 by default
 */
export async function detectBlaze(photo: Image, minConfidence = 0.5): Promise<{ box: Box; score: number }[]> {
  const scale = inputSize / Math.max(photo.width, photo.height)
  const [width, height] = [Math.round(photo.width * scale), Math.round(photo.height * scale)]
  const small = await resizeImage(photo, width, height)
  const model = await loadOn(tf.getBackend())
  const output = tf.tidy(() => {
    const pixels = tf.tensor4d(Float32Array.from(small.data), [1, height, width, 3])
    const square = tf.pad(tf.sub(tf.div(pixels, 127.5), 1), [
      [0, 0],
      [0, inputSize - height],
      [0, inputSize - width],
      [0, 0],
    ])
    const parts = model.execute(square) as tf.Tensor3D[]
    // Scores and boxes of the finer grid and of the coarser one, told apart by their shapes.
    const part = (count: number, width: number) => parts.find(({ shape }) => shape[1] === count && shape[2] === width)!
    const rows = grids.map(([cells, count]) => {
      const n = cells * cells * count
      return tf.concat([tf.sigmoid(part(n, 1)), part(n, 16)], 2)
    })
    return tf.squeeze(tf.concat(rows, 1), [0]) as tf.Tensor2D
  })
  const values = await output.data()
  output.dispose()
  return withoutDuplicates(decode(values as Float32Array, minConfidence, photo, scale))
}

/** The anchors that are sure enough of a face: score, then the box's centre from the anchor's and its size. */
function decode(values: Float32Array, minConfidence: number, photo: Image, scale: number) {
  const found: { box: Box; score: number }[] = []
  for (let i = 0; i < anchors.length / 2; i++) {
    const [score, dx, dy, w, h] = values.subarray(17 * i, 17 * i + 5) as unknown as [
      number,
      number,
      number,
      number,
      number,
    ]
    if (!(score >= minConfidence)) continue
    const box = {
      x: (anchors[2 * i]! + dx - w / 2) / scale,
      y: (anchors[2 * i + 1]! + dy - h / 2) / scale,
      width: w / scale,
      height: h / scale,
    }
    const inside = clip(box, photo)
    if (inside) found.push({ box: inside, score })
  }
  return found
}

function withoutDuplicates(found: readonly { box: Box; score: number }[]): { box: Box; score: number }[] {
  const kept: { box: Box; score: number }[] = []
  for (const candidate of found.toSorted((p, q) => q.score - p.score))
    if (kept.every(other => intersectionOverUnion(other.box, candidate.box) < 0.3)) kept.push(candidate)
  return kept
}
