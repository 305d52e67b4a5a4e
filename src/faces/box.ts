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
