import * as tf from '@tensorflow/tfjs'
import { type Image, resizeImage } from '../data/image.ts'
import { faceNetworks } from './networks.ts'
import { fivePoints, type Point } from './template.ts'
import { turn, turnBack } from './turn.ts'
import { warp } from './warp.ts'

/** A rectangle in a photo's pixels. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A face in a photo, in the photo's pixels. */
export interface Face {
  readonly box: Box
  /** How sure the detector is, 0..1. */
  readonly score: number
  /** The 68 landmarks in iBUG 300-W order. */
  readonly landmarks: Point[]
  /** Eye centres, nose tip and mouth corners. */
  readonly points: Point[]
}

export interface DetectOptions {
  /** Least score of a face; 0.5 unless given. */
  readonly minConfidence?: number
  /**
   * Side of the detector's square input in pixels, a power of two from 128: it finds faces of about 30 pixels and more
   * at that size, in time that grows with its square. Unless given, 512, and for a larger photo also 1024 and 2048.
   */
  readonly inputSize?: number
  /** Whether to look again at the photo turned by quarters when it shows no upright face; true unless given. */
  readonly turned?: boolean
}

const landmarkSize = 112

/**
 * Finds the faces of a photo with SSD MobileNet and their 68 landmarks, on the backend in use.
 * @returns the faces from left to right (and from top to bottom where equal), none twice; empty where there is none
 */
export async function detectFaces(photo: Image, options: DetectOptions = {}): Promise<Face[]> {
  const { minConfidence = 0.5, inputSize, turned = true } = options
  const sizes = inputSize ? [inputSize] : [512, 1024, 2048].filter((size, i) => i === 0 || size <= longerSide(photo))
  for (const quarters of turned ? [0, 1, 3, 2] : [0]) {
    const upright = turn(photo, quarters)
    const candidates: Candidate[] = []
    for (const size of sizes) candidates.push(...(await locate(upright, size, minConfidence)))
    const found = withoutDuplicates(candidates)
    const faces: Face[] = []
    for (const { box, score } of found) {
      const landmarks = (await landmarksInBox(upright, box)).map(p => turnBack(p, quarters, photo))
      const corners = [
        { x: box.x, y: box.y },
        { x: box.x + box.width, y: box.y + box.height },
      ]
      const around = bounds(corners.map(p => turnBack(p, quarters, photo)))
      faces.push({ box: around, score, landmarks, points: fivePoints(landmarks) })
    }
    if (faces.length > 0) return faces.sort((p, q) => p.box.x - q.box.x || p.box.y - q.box.y)
  }
  return []
}

/**
 * The 68 landmarks of the face in a box, without looking for it: the landmark network sees the part of the box inside
 * of the photo, in the middle of a black square.
 */
export async function landmarksInBox(photo: Image, box: Box): Promise<Point[]> {
  const inside = clip(box, photo)
  if (!inside) throw new Error(`landmarksInBox: expected a box that overlaps the photo, found ${JSON.stringify(box)}`)
  const side = Math.max(inside.width, inside.height)
  const x0 = inside.x + (inside.width - side) / 2
  const y0 = inside.y + (inside.height - side) / 2
  const scale = side / landmarkSize
  const crop = warp(photo, { a: scale, b: 0, tx: x0, ty: y0 }, landmarkSize, landmarkSize)
  const barX = Math.round((side - inside.width) / 2 / scale)
  const barY = Math.round((side - inside.height) / 2 / scale)
  for (let y = 0; y < landmarkSize; y++) {
    for (let x = 0; x < landmarkSize; x++) {
      const isInside = Math.min(x - barX, landmarkSize - 1 - x - barX, y - barY, landmarkSize - 1 - y - barY) >= 0
      if (!isInside) crop.data.fill(0, 3 * (y * landmarkSize + x), 3 * (y * landmarkSize + x) + 3)
    }
  }
  const networks = await faceNetworks()
  const values = await read(tf.tidy(() => networks.landmarks(pixels(crop))))
  return Array.from({ length: 68 }, (_, i) => ({ x: x0 + values[2 * i]! * side, y: y0 + values[2 * i + 1]! * side }))
}

interface Candidate {
  readonly box: Box
  readonly score: number
}

/** Every anchor of one pass of the detector that is sure enough of a face. */
async function locate(photo: Image, size: number, minConfidence: number): Promise<Candidate[]> {
  if (size < 128 || !Number.isInteger(Math.log2(size))) {
    throw new Error(`detectFaces: expected an inputSize that is a power of two from 128, found ${size}`)
  }
  const scale = size / longerSide(photo)
  const [width, height] = [photo.width, photo.height].map(side => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ]
  const small = await resizeImage(photo, width, height)
  const networks = await faceNetworks()
  const { boxes, scores } = tf.tidy(() => {
    const padding: [number, number][] = [
      [0, 0],
      [0, size - height],
      [0, size - width],
      [0, 0],
    ]
    return networks.detect(tf.pad(pixels(small), padding) as tf.Tensor4D)
  })
  const [edges, confidences] = await Promise.all([read(boxes), read(scores)])
  const found: Candidate[] = []
  confidences.forEach((score, i) => {
    if (!(score >= minConfidence)) return
    const [top, left, bottom, right] = edges.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number]
    const [sx, sy] = [(photo.width * size) / width, (photo.height * size) / height]
    const box = clip({ x: left * sx, y: top * sy, width: (right - left) * sx, height: (bottom - top) * sy }, photo)
    if (box) found.push({ box, score })
  })
  return found
}

/** The surest of boxes that overlap by more than 2/3 of the smaller one, which for equal sizes is an IoU of 1/2. */
function withoutDuplicates(candidates: readonly Candidate[]): Candidate[] {
  const kept: Candidate[] = []
  for (const candidate of candidates.toSorted((p, q) => q.score - p.score)) {
    if (kept.every(other => overlap(candidate.box, other.box) <= 2 / 3)) kept.push(candidate)
  }
  return kept
}

function overlap(p: Box, q: Box): number {
  const width = Math.min(p.x + p.width, q.x + q.width) - Math.max(p.x, q.x)
  const height = Math.min(p.y + p.height, q.y + q.height) - Math.max(p.y, q.y)
  return (Math.max(0, width) * Math.max(0, height)) / Math.min(p.width * p.height, q.width * q.height)
}

/** The part of a box inside of the photo, if any. */
function clip(box: Box, { width, height }: Image): Box | undefined {
  const [left, top] = [Math.max(0, box.x), Math.max(0, box.y)]
  const [right, bottom] = [Math.min(width, box.x + box.width), Math.min(height, box.y + box.height)]
  return right > left && bottom > top ? { x: left, y: top, width: right - left, height: bottom - top } : undefined
}

/** The smallest box around some points. */
function bounds(points: readonly Point[]): Box {
  const [xs, ys] = [points.map(p => p.x), points.map(p => p.y)]
  const [x, y] = [Math.min(...xs), Math.min(...ys)]
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y }
}

function longerSide({ width, height }: Image): number {
  return Math.max(width, height)
}

/** A picture as face-api's networks take it: [1, h, w, 3] in 0..255. */
function pixels({ data, width, height }: Image): tf.Tensor4D {
  return tf.tensor4d(Float32Array.from(data), [1, height, width, 3])
}

/** Reads and frees a tensor. */
async function read(tensor: tf.Tensor): Promise<Float32Array> {
  const values = (await tensor.data()) as Float32Array
  tensor.dispose()
  return values
}
