/**
 * SSD MobileNet of face-api (networks.ts): a detector that metrics, energies and data sets are defined by. What protects
 * faces finds them with detect.ts.
 */

import * as tf from '@tensorflow/tfjs'
import { resizeImage } from '#codec'
import type { Image } from '../images/image.ts'
import { type Box, clip, frameOf, repeatEdge } from './box.ts'
import { landmarksInBox } from './landmarks.ts'
import { faceNetworks, pixels, read } from './networks.ts'
import { fivePoints, type Point } from './template.ts'

/** A face in a picture, in its pixels. */
export interface SsdFace {
  readonly box: Box
  /** How sure the detector is, 0..1. */
  readonly score: number
  /** The 68 landmarks in iBUG 300-W order. */
  readonly landmarks: Point[]
  /** Eye centres, nose tip and mouth corners. */
  readonly points: Point[]
}

export interface SsdOptions {
  /** Least score of a face; 0.5 by default. */
  readonly minConfidence?: number
  /**
   * Side or sides in pixels of the squares that the picture is fitted into for the detector, powers of two from 128. It finds
   * faces of about 30 to 150 pixels in such a square, and takes time that grows with the square of its side. Unless given, 128,
   * 256 and 512, and for larger pictures also 1024 and 2048.
   */
  readonly inputSize?: number | readonly number[]
}

/** Side in input pixels of a face that the detector places well; smaller ones are left to a larger input if there is one. */
const leastSide = 32

/**
 * Finds the upright faces of a picture with SSD MobileNet and their 68 landmarks, on the backend in use.
 * @returns the faces from left to right (and from top to bottom where equal), none twice; empty where there is none
 */
export async function detectSsd(picture: Image, options: SsdOptions = {}): Promise<SsdFace[]> {
  const { minConfidence = 0.5, inputSize = sizesFor(picture) } = options
  const faces: SsdFace[] = []
  for (const { box, score } of await locateAll(picture, [inputSize].flat(), minConfidence)) {
    const landmarks = await landmarksInBox(picture, box)
    faces.push({ box, score, landmarks, points: fivePoints(landmarks) })
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
    throw new Error(`detectSsd: expected an inputSize that is a power of two from 128, found ${size}`)
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

function sizesFor(photo: Image): number[] {
  return [128, 256, 512, 1024, 2048].filter(size => size <= Math.max(512, longerSide(photo)))
}

function longerSide({ width, height }: Image): number {
  return Math.max(width, height)
}

// Whether a detector still finds the face in an aligned face.

/**
 * The greatest score of a face in the picture, 0 where none reaches 0.5. The picture gets a frame (box.ts), and
 * the whole is doubled.
 */
export async function detectionScore(face: Image): Promise<number> {
  const framed = repeatEdge(face, frameOf(face))
  const picture = await resizeImage(framed, 2 * framed.width, 2 * framed.height)
  const found = await detectSsd(picture, { inputSize: 256 })
  return Math.max(0, ...found.map(({ score }) => score))
}
