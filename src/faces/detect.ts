import * as tf from '@tensorflow/tfjs'
import { type Image, resizeImage } from '../data/image.ts'
import { faceNetworks } from './networks.ts'
import { apply, invert, type Similarity, similarity } from './similarity.ts'
import { fivePoints, type Point, template } from './template.ts'
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
   * Side or sides in pixels of the squares that the photo is fitted into for the detector, powers of two from 128. It finds
   * faces of about 30 to 150 pixels in such a square, and takes time that grows with the square of its side. Unless given, 128,
   * 256 and 512, and for larger photos also 1024 and 2048.
   */
  readonly inputSize?: number | readonly number[]
  /** Whether to look at the photo turned by quarters too when it shows no face that is surely upright; true unless given. */
  readonly turned?: boolean
}

/** Side in input pixels of a face that the detector places well; smaller ones are left to a larger input if there is one. */
const leastSide = 32

/** Side of the landmark network's input. */
const landmarkSize = 112

/**
 * Where the five points are in the landmark network's second look. Of some scales and heights, this one left the least
 * scatter over shifted, scaled and turned boxes.
 */
const landmarkTemplate = template(landmarkSize).map(({ x, y }) => ({
  x: 1.15 * (x - 56) + 56,
  y: 1.15 * (y - 56) + 52,
}))

/** The score from which a face is surely upright: the detector also finds some lying faces, less surely. */
const sureScore = 0.98

/**
 * Finds the faces of a photo with SSD MobileNet and their 68 landmarks, on the backend in use. Unless some face is surely
 * upright, it looks at the photo turned by quarters too, and keeps the turn with the greatest sum of scores.
 * @returns the faces from left to right (and from top to bottom where equal), none twice; empty where there is none
 */
export async function detectFaces(photo: Image, options: DetectOptions = {}): Promise<Face[]> {
  const { minConfidence = 0.5, inputSize = sizesFor(photo), turned = true } = options
  const sizes = [inputSize].flat()
  let best: { quarters: number; found: Candidate[]; total: number } = { quarters: 0, found: [], total: 0 }
  for (const quarters of turned ? [0, 1, 2, 3] : [0]) {
    const found = await locateAll(turn(photo, quarters), sizes, minConfidence)
    const total = found.reduce((sum, { score }) => sum + score, 0)
    if (total > best.total) best = { quarters, found, total }
    if (quarters === 0 && found.some(({ score }) => score >= sureScore)) break
  }
  const { quarters, found } = best
  const upright = turn(photo, quarters)
  const faces: Face[] = []
  for (const { box, score } of found) {
    const landmarks = (await landmarksInBox(upright, box)).map(p => turnBack(p, quarters, photo))
    faces.push({ box: boxBack(box, quarters, photo), score, landmarks, points: fivePoints(landmarks) })
  }
  return faces.sort((p, q) => p.box.x - q.box.x || p.box.y - q.box.y)
}

/**
 * The 68 landmarks of the face in a box, without looking for it. The landmark network looks twice: at the part of the box
 * inside of the photo, in the middle of a black square, and then at the face turned upright and scaled by the landmarks
 * found, which halves their dependence on the box and takes most of that on the angle away.
 */
export async function landmarksInBox(photo: Image, box: Box): Promise<Point[]> {
  const inside = clip(box, photo)
  if (!inside) throw new Error(`landmarksInBox: expected a box that overlaps the photo, found ${JSON.stringify(box)}`)
  const scale = landmarkSize / Math.max(inside.width, inside.height)
  const centre = { x: inside.x + inside.width / 2, y: inside.y + inside.height / 2 }
  const toSquare = { a: scale, b: 0, tx: landmarkSize / 2 - scale * centre.x, ty: landmarkSize / 2 - scale * centre.y }
  const rough = await landmarksIn(photo, toSquare, { width: inside.width * scale, height: inside.height * scale })
  return landmarksIn(photo, similarity(fivePoints(rough), landmarkTemplate))
}

/**
 * One look of the landmark network at the square that `toSquare` cuts out of the photo.
 * @param shown how much of the square, around its middle, is not black
 */
async function landmarksIn(
  photo: Image,
  toSquare: Similarity,
  shown = { width: landmarkSize, height: landmarkSize },
): Promise<Point[]> {
  const toPhoto = invert(toSquare)
  const square = warp(photo, toPhoto, landmarkSize, landmarkSize)
  const middle = landmarkSize / 2
  for (let y = 0, k = 0; y < landmarkSize; y++) {
    for (let x = 0; x < landmarkSize; x++, k += 3) {
      const isBar = 2 * Math.abs(x + 0.5 - middle) > shown.width || 2 * Math.abs(y + 0.5 - middle) > shown.height
      if (isBar) square.data.fill(0, k, k + 3)
    }
  }
  const networks = await faceNetworks()
  const values = await read(tf.tidy(() => networks.landmarks(pixels(square))))
  return Array.from({ length: 68 }, (_, i) =>
    apply(toPhoto, { x: values[2 * i]! * landmarkSize, y: values[2 * i + 1]! * landmarkSize }),
  )
}

interface Candidate {
  readonly box: Box
  readonly score: number
}

/** The faces of an upright photo, from passes of the detector at several sizes. */
async function locateAll(photo: Image, sizes: readonly number[], minConfidence: number): Promise<Candidate[]> {
  const candidates: Candidate[] = []
  for (const size of sizes) {
    const least = size < Math.max(...sizes) ? leastSide * (longerSide(photo) / size) : 0
    const found = await locate(photo, size, minConfidence)
    candidates.push(...found.filter(({ box }) => Math.sqrt(box.width * box.height) >= least))
  }
  return withoutDuplicates(candidates)
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

/** A box of the turned photo in the photo as it was. */
function boxBack({ x, y, width, height }: Box, quarters: number, photo: Image): Box {
  const p = turnBack({ x, y }, quarters, photo)
  const q = turnBack({ x: x + width, y: y + height }, quarters, photo)
  return { x: Math.min(p.x, q.x), y: Math.min(p.y, q.y), width: Math.abs(p.x - q.x), height: Math.abs(p.y - q.y) }
}

function sizesFor(photo: Image): number[] {
  return [128, 256, 512, 1024, 2048].filter(size => size <= Math.max(512, longerSide(photo)))
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
