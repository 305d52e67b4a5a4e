/** Finds what an edited picture shows of another: a copy that was scaled, cut to a part, or encoded again. */
import { Matrix, solve } from 'ml-matrix'
import { resizeImage } from '#codec'
import { blur } from '../faces/filters.ts'
import { identity, type Similarity, scaleOf } from '../faces/warp.ts'
import type { Image } from '../images/image.ts'

/** Where an edited picture lies in another. */
export interface Registration {
  /** Takes places in the edited picture to those in the other, both in pixels. */
  readonly transform: Similarity
  /** Correlation of the details of both where they overlap: about 1 for a copy, about 0 for another picture. */
  readonly match: number
}

interface Size {
  readonly width: number
  readonly height: number
}

/** Luma, row-major. */
interface Grey extends Size {
  readonly data: Float32Array
}

/** Longest side at which all places and scales are tried. */
const coarseSide = 128

/** The least share of the other's width or height that an edited picture shows. */
const leastShare = 0.25

/** From one scale to the next. */
const scaleStep = 1.04

/** How many of the places that the coarse search likes are looked at closely. */
const candidates = 4

/**
 * @param view the other picture, small
 * @param size the other picture's own
 * @returns the likeliest place; whether it is one, `match` says
 */
export async function register(edited: Image, view: Image, size: Size): Promise<Registration> {
  const found = await coarsePlaces(edited, view, size)
  let best: Registration = { transform: identity, match: 0 }
  for (const place of found.slice(0, candidates)) {
    const fine = await refine(edited, view, size, place)
    if (fine.match > best.match) best = fine
  }
  return { ...best, transform: wholePixels(best.transform, edited, size, size.width / view.width) }
}

/** Places of the edited picture in the other, by correlation, one a scale, likeliest first. */
async function coarsePlaces(edited: Image, view: Image, size: Size): Promise<Similarity[]> {
  const small = await fitted(view, coarseSide)
  const target = grey(small)
  const sums = integrals(target)
  // As large as it can lie in the view.
  const whole = Math.min(small.width / edited.width, small.height / edited.height)
  const base = await resizeImage(edited, ...sizeAt(edited, Math.min(1, 2 * whole)))
  const places: { place: Similarity; match: number }[] = []
  for (let scale = whole; ; scale /= scaleStep) {
    const [width, height] = sizeAt(edited, scale)
    if (Math.max(width / small.width, height / small.height) < leastShare || Math.min(width, height) < 12) break
    const { x, y, match } = bestPlace(target, sums, grey(await resizeImage(base, width, height)))
    const up = size.width / small.width
    places.push({ place: { a: (up * width) / edited.width, b: 0, tx: up * x, ty: up * y }, match })
  }
  return places.toSorted((p, q) => q.match - p.match).map(({ place }) => place)
}

/** Where a patch correlates best with a picture of its size or larger. */
function bestPlace(target: Grey, sums: Integrals, patch: Grey): { x: number; y: number; match: number } {
  const { width, height, data } = patch
  const count = width * height
  const mean = data.reduce((a, b) => a + b, 0) / count
  const centred = data.map(value => value - mean)
  const norm = Math.hypot(...centred) || 1
  let best = { x: 0, y: 0, match: -1 }
  for (let y = 0; y + height <= target.height; y++) {
    for (let x = 0; x + width <= target.width; x++) {
      let product = 0
      for (let v = 0, i = 0; v < height; v++) {
        const row = (y + v) * target.width + x
        for (let u = 0; u < width; u++, i++) product += centred[i]! * target.data[row + u]!
      }
      const { sum, squares } = sums(x, y, width, height)
      const variance = squares - (sum * sum) / count
      const match = variance > 1e-3 * count ? product / (norm * Math.sqrt(variance)) : 0
      if (match > best.match) best = { x, y, match }
    }
  }
  return best
}

type Integrals = (x: number, y: number, width: number, height: number) => { sum: number; squares: number }

/** Sums over rectangles, by tables of sums from the corner. */
function integrals({ width, height, data }: Grey): Integrals {
  const row = width + 1
  const tables = [new Float64Array(row * (height + 1)), new Float64Array(row * (height + 1))] as const
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const value = data[y * width + x]!
      for (const [i, table] of tables.entries()) {
        const at = (y + 1) * row + x + 1
        table[at] = (i === 0 ? value : value * value) + table[at - 1]! + table[at - row]! - table[at - row - 1]!
      }
    }
  const over = (table: Float64Array, x: number, y: number, w: number, h: number) =>
    table[(y + h) * row + x + w]! - table[y * row + x + w]! - table[(y + h) * row + x]! + table[y * row + x]!
  return (x, y, w, h) => ({ sum: over(tables[0], x, y, w, h), squares: over(tables[1], x, y, w, h) })
}

/** Moves a place to where the squared difference is least, by Gauss-Newton steps from coarse to fine. */
async function refine(edited: Image, view: Image, size: Size, start: Similarity): Promise<Registration> {
  let transform = start
  let match = 0
  const longest = Math.max(view.width, view.height)
  const sides = [coarseSide, 2 * coarseSide, longest].filter((side, i) => i === 2 || side < longest)
  for (const side of sides) {
    const target = grey(await fitted(view, side))
    // One pixel of the patch is about one of the target.
    const patch = grey(await resizeImage(edited, ...sizeAt(edited, (scaleOf(transform) * target.width) / size.width)))
    for (let step = 0; step < 30; step++) {
      const next = gaussNewton({ target, size, patch, edited }, transform)
      if (!next) return { transform, match: 0 }
      const moved = Math.hypot(next.tx - transform.tx, next.ty - transform.ty) / size.width
      transform = next
      if (moved < 1e-6) break
    }
    if (side === longest) match = detailMatch({ target, size, patch, edited }, transform)
  }
  return { transform, match }
}

/** Two pictures made small, and their own sizes. */
interface Pair {
  readonly target: Grey
  readonly size: Size
  readonly patch: Grey
  readonly edited: Size
}

/** Calls `visit` with each pixel of the patch: its centre in the edited picture, and where that is in the target. */
function forEachPixel(
  { target, size, patch, edited }: Pair,
  { a, b, tx, ty }: Similarity,
  visit: (i: number, p: number, q: number, x: number, y: number) => void,
): void {
  const [right, down] = [edited.width / patch.width, edited.height / patch.height]
  const [across, along] = [target.width / size.width, target.height / size.height]
  for (let v = 0, i = 0; v < patch.height; v++)
    for (let u = 0; u < patch.width; u++, i++) {
      const [p, q] = [(u + 0.5) * right, (v + 0.5) * down]
      visit(i, p, q, (a * p - b * q + tx) * across - 0.5, (b * p + a * q + ty) * along - 0.5)
    }
}

/** One step of least squares in the place, a gain and an offset; undefined where hardly anything overlaps. */
function gaussNewton(pair: Pair, place: Similarity): Similarity | undefined {
  const { target, size, patch, edited } = pair
  const [across, along] = [target.width / size.width, target.height / size.height]
  // About the centre and relative to the size, where scale and shift are independent and of one order.
  const [cx, cy, unit] = [edited.width / 2, edited.height / 2, Math.max(edited.width, edited.height)]
  const [normal, right, row] = [new Float64Array(36), new Float64Array(6), new Float64Array(6)]
  let count = 0
  forEachPixel(pair, place, (i, p, q, x, y) => {
    if (x < 1 || y < 1 || x >= target.width - 2 || y >= target.height - 2) return
    count++
    const value = bilinear(target, x, y)
    const gx = ((bilinear(target, x + 1, y) - bilinear(target, x - 1, y)) / 2) * across
    const gy = ((bilinear(target, x, y + 1) - bilinear(target, x, y - 1)) / 2) * along
    row[0] = (gx * (p - cx) + gy * (q - cy)) / unit
    row[1] = (gy * (p - cx) - gx * (q - cy)) / unit
    row[2] = gx
    row[3] = gy
    row[4] = -patch.data[i]!
    row[5] = -1
    for (let j = 0; j < 6; j++) {
      for (let k = 0; k <= j; k++) normal[6 * j + k]! += row[j]! * row[k]!
      right[j]! -= row[j]! * value
    }
  })
  if (count < 0.5 * patch.width * patch.height) return undefined
  const matrix = Matrix.zeros(6, 6)
  for (let j = 0; j < 6; j++)
    for (let k = 0; k <= j; k++) {
      matrix.set(j, k, normal[6 * j + k]!)
      matrix.set(k, j, normal[6 * j + k]!)
    }
  for (let j = 0; j < 6; j++) matrix.set(j, j, matrix.get(j, j) * (1 + 1e-9) + 1e-9)
  const [da, db, dx, dy] = solve(matrix, Matrix.columnVector([...right])).to1DArray() as [
    number,
    number,
    number,
    number,
  ]
  if (![da, db, dx, dy].every(Number.isFinite)) return undefined
  const [ra, rb] = [da / unit, db / unit]
  return {
    a: place.a + ra,
    b: place.b + rb,
    tx: place.tx + dx - ra * cx + rb * cy,
    ty: place.ty + dy - rb * cx - ra * cy,
  }
}

/** Correlation of what is left of both without their low frequencies, over all of the patch: outside counts as none. */
function detailMatch(pair: Pair, place: Similarity): number {
  const [details, ours] = [withoutLow(pair.target), withoutLow(pair.patch)]
  let [product, squares, others] = [0, 0, 0]
  forEachPixel(pair, place, (i, _p, _q, x, y) => {
    const value = ours.data[i]!
    squares += value * value
    if (x < -0.5 || y < -0.5 || x > details.width - 0.5 || y > details.height - 0.5) return
    const other = bilinear(details, x, y)
    others += other * other
    product += value * other
  })
  return squares > 0 && others > 0 ? product / Math.sqrt(squares * others) : 0
}

function withoutLow({ width, height, data }: Grey): Grey {
  const low = blur({ width, height, channels: 1, data }, 4).data
  return { width, height, data: data.map((value, i) => value - low[i]!) }
}

/** The whole picture scaled, and a part not scaled, lie where their pixels do, and not nearly there. */
function wholePixels(transform: Similarity, edited: Size, size: Size, tolerance: number): Similarity {
  const { a, b, tx, ty } = transform
  const turned = Math.abs(b) * Math.max(edited.width, edited.height) > tolerance
  if (turned) return transform
  const whole = size.width / edited.width
  const isWhole =
    Math.hypot(tx, ty) < tolerance &&
    Math.abs(a - whole) * edited.width < tolerance &&
    Math.abs(size.height - whole * edited.height) < Math.max(1, whole)
  if (isWhole) return { a: whole, b: 0, tx: 0, ty: (size.height - whole * edited.height) / 2 }
  if (Math.abs(a - 1) * edited.width < tolerance) {
    const [cx, cy] = [edited.width / 2, edited.height / 2]
    return { a: 1, b: 0, tx: Math.round(a * cx + tx - cx), ty: Math.round(a * cy + ty - cy) }
  }
  return transform
}

function bilinear({ width, height, data }: Grey, x: number, y: number): number {
  const x0 = Math.min(width - 2, Math.max(0, Math.floor(x)))
  const y0 = Math.min(height - 2, Math.max(0, Math.floor(y)))
  const [s, t, i] = [Math.min(1, Math.max(0, x - x0)), Math.min(1, Math.max(0, y - y0)), y0 * width + x0]
  return (1 - t) * ((1 - s) * data[i]! + s * data[i + 1]!) + t * ((1 - s) * data[i + width]! + s * data[i + width + 1]!)
}

/** A picture of at most `side` pixels. */
function fitted(image: Image, side: number): Promise<Image> {
  return resizeImage(image, ...sizeAt(image, Math.min(1, side / Math.max(image.width, image.height))))
}

function sizeAt({ width, height }: Size, scale: number): [width: number, height: number] {
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))]
}

function grey({ width, height, data }: Image): Grey {
  const luma = new Float32Array(width * height)
  for (let i = 0; i < luma.length; i++)
    luma[i] = 0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!
  return { width, height, data: luma }
}
