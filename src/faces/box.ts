import type { Image } from '../images/image.ts'

/** A rectangle in a photo's pixels. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** The part of a box inside of the photo, if any. */
export function clip(box: Box, { width, height }: Image): Box | undefined {
  const [left, top] = [Math.max(0, box.x), Math.max(0, box.y)]
  const [right, bottom] = [Math.min(width, box.x + box.width), Math.min(height, box.y + box.height)]
  return right > left && bottom > top ? { x: left, y: top, width: right - left, height: bottom - top } : undefined
}

/** The area that two boxes share, relative to the area that they cover together: 0 apart, 1 the same. */
export function intersectionOverUnion(p: Box, q: Box): number {
  const width = Math.max(0, Math.min(p.x + p.width, q.x + q.width) - Math.max(p.x, q.x))
  const height = Math.max(0, Math.min(p.y + p.height, q.y + q.height) - Math.max(p.y, q.y))
  const shared = width * height
  return shared / (p.width * p.height + q.width * q.height - shared)
}

/** Of boxes that overlap by more than `most` of what they cover together, the one with the greatest score; surest first. */
export function withoutOverlaps<Scored extends { readonly box: Box; readonly score: number }>(
  found: readonly Scored[],
  most = 0.3,
): Scored[] {
  const kept: Scored[] = []
  for (const candidate of found.toSorted((p, q) => q.score - p.score))
    if (kept.every(other => intersectionOverUnion(other.box, candidate.box) <= most)) kept.push(candidate)
  return kept
}

// Detectors are made for faces in pictures, not for pictures that a face fills: such a picture gets a frame first.

/** How many pixels of frame a picture gets on every side: a quarter of the longer one. */
export function frameOf({ width, height }: Image): number {
  return Math.round(Math.max(width, height) / 4)
}

/** Adds `margin` pixels on every side by repeating the edge. */
export function repeatEdge({ width, height, data }: Image, margin: number): Image {
  const [w, h] = [width + 2 * margin, height + 2 * margin]
  const framed = new Uint8Array(w * h * 3)
  const within = (position: number, size: number) => Math.min(Math.max(position - margin, 0), size - 1)
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const from = 3 * (within(y, height) * width + within(x, width))
      const to = 3 * (y * w + x)
      for (let c = 0; c < 3; c++) framed[to + c] = data[from + c]!
    }
  }
  return { width: w, height: h, data: framed }
}
