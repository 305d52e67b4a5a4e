import * as tf from '@tensorflow/tfjs'
import { type Image, resizeImage } from '../data/image.ts'
import { type Box, clip } from './box.ts'
import { landmarksInBox } from './landmarks.ts'
import { faceNetworks, pixels, read } from './networks.ts'
import { fivePoints, type Point } from './template.ts'
import { turn, turnBack } from './turn.ts'

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

/** The score from which a face is surely upright: the detector also finds some lying faces, less surely. */
const sureScore = 0.98

/** How much surer a face of a turned photo has to be. */
const turnedMargin = 0.25

/**
 * Finds the faces of a photo with SSD MobileNet and their 68 landmarks, on the backend in use. Unless some face is surely
 * upright, it looks at the photo turned by quarters too, and keeps the turn with the surest face, a turned one only where it is
 * surer than any upright one by `turnedMargin`: weak guesses in a turned photo never outvote a face.
 * @returns the faces from left to right (and from top to bottom where equal), none twice; empty where there is none
 */
export async function detectFaces(photo: Image, options: DetectOptions = {}): Promise<Face[]> {
  const { minConfidence = 0.5, inputSize = sizesFor(photo), turned = true } = options
  const sizes = [inputSize].flat()
  let best: { quarters: number; found: Candidate[]; sureness: number } = { quarters: 0, found: [], sureness: 0 }
  for (const quarters of turned ? [0, 1, 2, 3] : [0]) {
    const found = await locateAll(turn(photo, quarters), sizes, minConfidence)
    const sureness = Math.max(0, ...found.map(({ score }) => score)) - (quarters === 0 ? 0 : turnedMargin)
    if (sureness > best.sureness) best = { quarters, found, sureness }
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
