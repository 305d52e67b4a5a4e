/** Which faces of the photos the demonstration shows: those that make portraits. */

import { clip } from '../faces/box.ts'
import type { Point } from '../faces/template.ts'
import type { Image } from '../images/image.ts'
import type { PhotoFace } from '../pipeline/photo-face.ts'

/** Eyes as open as this, height relative to width, are wide open. */
const wideOpen = 0.28
/** A face whose nose divides it at least as evenly as this looks into the camera; 1 is the middle. */
const frontal = 0.6
/** Mean luminance from which a face is well lit, and how far it stays from white. */
const [lit, headroom] = [0.5, 0.3]

/**
 * How good a portrait a face makes: the width of its box in pixels, less where it is dark or washed out, looks away, has
 * its eyes shut, or is no face for sure.
 */
export function portraitQuality(
  photo: Image,
  { box, score, landmarks }: Pick<PhotoFace['found'], 'box' | 'score' | 'landmarks'>,
): number {
  const luminance = meanLuminance(photo, box)
  const light = Math.min(1, luminance / lit, (1 - luminance) / headroom)
  const side = Math.sqrt(box.width * box.height)
  // Networks that place five points alone say nothing of eyes and turn.
  if (landmarks.length !== 68) return score * side * light
  const open = Math.min(1, (openness(landmarks, 36) + openness(landmarks, 42)) / 2 / wideOpen)
  return score * side * light * open ** 2 * Math.min(1, evenness(landmarks) / frontal)
}

/** The best portrait of each photo, in the order of the photos, then the second of each, and so on. */
export function inRounds(photos: readonly { readonly original: Image; readonly faces: readonly PhotoFace[] }[]) {
  const ranked = photos.map(({ original, faces }) =>
    faces
      .map(face => ({ face, quality: portraitQuality(original, face.found) }))
      .sort((p, q) => q.quality - p.quality)
      .map(({ face }) => face),
  )
  const rounds = Math.max(0, ...ranked.map(faces => faces.length))
  return Array.from({ length: rounds }, (_, round) =>
    ranked.flatMap((faces, photo) => (faces[round] ? [{ photo, face: faces[round] }] : [])),
  ).flat()
}

/** Height over width of the eye whose six landmarks begin at `first`. */
function openness(landmarks: readonly Point[], first: number): number {
  const p = (i: number) => landmarks[first + i]!
  return (distance(p(1), p(5)) + distance(p(2), p(4))) / 2 / distance(p(0), p(3))
}

/** From the tip of the nose to the nearer side of the jaw, relative to the farther one. */
function evenness(landmarks: readonly Point[]): number {
  const [left, right] = [1, 15].map(i => distance(landmarks[i]!, landmarks[30]!)) as [number, number]
  return Math.min(left, right) / Math.max(left, right)
}

/** Of the inner half of a box, 0..1 (ITU-R BT.601 on sRGB bytes). */
function meanLuminance(photo: Image, { x, y, width, height }: PhotoFace['found']['box']): number {
  const inner = clip({ x: x + width / 4, y: y + height / 4, width: width / 2, height: height / 2 }, photo)
  if (!inner) return 0
  let [sum, count] = [0, 0]
  for (let row = Math.floor(inner.y); row < inner.y + inner.height; row++)
    for (let column = Math.floor(inner.x); column < inner.x + inner.width; column++) {
      const k = 3 * (row * photo.width + column)
      if (k + 2 >= photo.data.length) continue
      sum += 0.299 * photo.data[k]! + 0.587 * photo.data[k + 1]! + 0.114 * photo.data[k + 2]!
      count++
    }
  return sum / (count * 255)
}

function distance(p: Point, q: Point): number {
  return Math.hypot(p.x - q.x, p.y - q.y)
}
