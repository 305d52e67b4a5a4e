/**
 * Where faces may be: looks of the detector at a whole photo, at several scales and turns. A look at full resolution finds
 * the small faces, looks at the photo made small, in all four turns, the large ones, the turned ones and those that the border
 * cuts. They propose; second-look.ts decides.
 */
import { resizeImage } from '#codec'
import type { Image } from '../../images/image.ts'
import type { Point } from '../template.ts'
import { type Candidate, centerFaces } from './centerface.ts'
import { cutWindow, type Window } from './pyramid.ts'

/** Looks at the whole photo at one scale. */
export interface Pass {
  /** Pixels of the look to one of the photo. */
  readonly scale: number
  /** Of each look, the quarters by which the photo is turned clockwise. */
  readonly turns: readonly number[]
  /** Pixels of the look that the photo's mirror image adds on every side. */
  readonly margin: number
}

/** Pixels that the look at small faces has at least, where the photo has fewer; it is enlarged by no more than `mostEnlarged`. */
const leastPixels = 1e6
const mostEnlarged = 2

/** Pixels of a look at the photo made small. */
const coarsePixels = 0.4e6

/** Share of its longer side that the mirror image adds to a photo made small on every side. */
const coarseMargin = 0.125

/** Pixels that tiles, and looks at full resolution, see beyond their own on every side. */
const tileMargin = 32

/** The longest side of a tile with its margins, by which memory is bounded. */
const tileSide = 1152

/** The looks at a photo of some size. */
export function passesFor({ width, height }: { readonly width: number; readonly height: number }): Pass[] {
  const pixels = width * height
  const fine = Math.max(1, Math.min(mostEnlarged, Math.sqrt(leastPixels / pixels)))
  const coarse = Math.min(1, Math.sqrt(coarsePixels / pixels))
  const margin = Math.round(coarseMargin * coarse * Math.max(width, height))
  return [
    { scale: fine, turns: [0], margin: tileMargin },
    { scale: coarse, turns: [0, 1, 2, 3], margin },
  ]
}

/** The faces that the looks of a pass propose, in the photo's pixels; a face at the rim of two tiles may be proposed by both. */
export async function look(photo: Image, { scale, turns, margin }: Pass, leastScore: number): Promise<Candidate[]> {
  const [width, height] = [photo.width, photo.height].map(side => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ]
  const scaled = await resizeImage(photo, width, height)
  const found: Candidate[] = []
  for (const quarters of turns) {
    const turned = turn(scaled, quarters)
    for (const tile of tiles(turned, margin)) {
      const [candidates] = await centerFaces([cutWindow(turned, tile, 'mirror')], leastScore)
      for (const candidate of candidates!) found.push(back(candidate, tile, quarters))
    }
  }
  return found

  function back({ box, score, points }: Candidate, tile: Window, quarters: number): Candidate {
    const toPhoto = (x: number, y: number) => {
      const p = turnBack({ x: x + tile.x, y: y + tile.y }, quarters, scaled)
      return { x: (p.x * photo.width) / width, y: (p.y * photo.height) / height }
    }
    const [p, q] = [toPhoto(box.x, box.y), toPhoto(box.x + box.width, box.y + box.height)]
    return {
      box: { x: Math.min(p.x, q.x), y: Math.min(p.y, q.y), width: Math.abs(p.x - q.x), height: Math.abs(p.y - q.y) },
      score,
      points: points.map(({ x, y }) => toPhoto(x, y)),
    }
  }
}

/** Windows that together cover a picture and its margins, as few and as equal as can be. */
function tiles({ width, height }: Image, margin: number): Window[] {
  const [columns, rows] = [spans(width, margin), spans(height, margin)]
  return rows.flatMap(([y, height]) => columns.map(([x, width]) => ({ x, y, width, height })))
}

/** Start and length of the parts of a side with its margins. Neighbours share twice `tileMargin` pixels. */
function spans(side: number, margin: number): [number, number][] {
  const whole = side + 2 * margin
  if (whole <= tileSide) return [[-margin, whole]]
  const own = tileSide - 2 * tileMargin
  const count = Math.ceil((whole - 2 * tileMargin) / own)
  const step = (whole - 2 * tileMargin) / count
  return Array.from({ length: count }, (_, i) => {
    const start = Math.round(i * step)
    return [start - margin, Math.round((i + 1) * step) + 2 * tileMargin - start]
  })
}

/** A picture turned clockwise by a number of quarters. */
export function turn(image: Image, quarters: number): Image {
  if (quarters === 0) return image
  const [width, height] = quarters % 2 === 0 ? [image.width, image.height] : [image.height, image.width]
  const data = new Uint8Array(width * height * 3)
  // Where the first pixel comes from, and how far apart those are that lie beside each other, and below.
  const at = (x: number, y: number) => {
    const from = turnBack({ x: x + 0.5, y: y + 0.5 }, quarters, image)
    return 3 * (Math.floor(from.y) * image.width + Math.floor(from.x))
  }
  const first = at(0, 0)
  const [across, down] = [at(1, 0) - first, at(0, 1) - first]
  for (let y = 0, k = 0; y < height; y++) {
    for (let x = 0, j = first + y * down; x < width; x++, j += across) {
      data[k++] = image.data[j]!
      data[k++] = image.data[j + 1]!
      data[k++] = image.data[j + 2]!
    }
  }
  return { width, height, data }
}

/** Where a point of the turned picture is in the picture of the given size that was turned clockwise. */
export function turnBack(
  { x, y }: Point,
  quarters: number,
  { width, height }: { readonly width: number; readonly height: number },
): Point {
  if (quarters === 0) return { x, y }
  if (quarters === 1) return { x: y, y: height - x }
  if (quarters === 2) return { x: width - x, y: height - y }
  return { x: width - y, y: x }
}
