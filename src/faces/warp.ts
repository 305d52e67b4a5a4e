import type { Image } from '../images/image.ts'
import { centre, type Point } from './template.ts'

/**
 * A rotation, uniform scale and shift: x' = a x - b y + tx, y' = b x + a y + ty. The scale is sqrt(a^2 + b^2); there is
 * no reflection.
 */
export interface Similarity {
  readonly a: number
  readonly b: number
  readonly tx: number
  readonly ty: number
}

/** Leaves everything where it is. */
export const identity: Similarity = { a: 1, b: 0, tx: 0, ty: 0 }

/**
 * The similarity that takes `from` to `to` with the least sum of squared distances (Umeyama, TPAMI 13(4), 1991). In the
 * plane, with points as complex numbers, it is the linear regression to = (a + ib) from + t.
 * @throws Error when the lists differ in length, or all points of `from` are one
 */
export function similarity(from: readonly Point[], to: readonly Point[]): Similarity {
  if (from.length !== to.length)
    throw new Error(`similarity: expected as many points, found ${from.length}, ${to.length}`)
  const [p0, q0] = [centre(from), centre(to)]
  let [real, imaginary, variance] = [0, 0, 0]
  from.forEach((point, i) => {
    const [px, py] = [point.x - p0.x, point.y - p0.y]
    const [qx, qy] = [to[i]!.x - q0.x, to[i]!.y - q0.y]
    real += px * qx + py * qy
    imaginary += px * qy - py * qx
    variance += px * px + py * py
  })
  if (!(variance > 0)) throw new Error('similarity: expected at least two different points, found one')
  const [a, b] = [real / variance, imaginary / variance]
  return { a, b, tx: q0.x - a * p0.x + b * p0.y, ty: q0.y - b * p0.x - a * p0.y }
}

/** Where a similarity takes a point. */
export function apply({ a, b, tx, ty }: Similarity, { x, y }: Point): Point {
  return { x: a * x - b * y + tx, y: b * x + a * y + ty }
}

/** The similarity that undoes another. */
export function invert({ a, b, tx, ty }: Similarity): Similarity {
  const square = a * a + b * b
  const [c, d] = [a / square, -b / square]
  return { a: c, b: d, tx: -(c * tx - d * ty), ty: -(d * tx + c * ty) }
}

/** First `inner`, then `outer`. */
export function compose(outer: Similarity, inner: Similarity): Similarity {
  const { x: tx, y: ty } = apply(outer, { x: inner.tx, y: inner.ty })
  return { a: outer.a * inner.a - outer.b * inner.b, b: outer.a * inner.b + outer.b * inner.a, tx, ty }
}

/** How many times longer a similarity makes a distance. */
export function scaleOf({ a, b }: Similarity): number {
  return Math.hypot(a, b)
}

/** Writes the colour (0..255, not rounded) of a place of the source into `colour`. */
export type Sampler = (x: number, y: number, colour: Float64Array) => void

/**
 * Looks up colours of `source` under a map from target to source coordinates: Catmull-Rom interpolation (Keys, 1981,
 * a = -1/2), the border repeated outside of the picture, and where the map shrinks, the mean over a grid of n x n places
 * in each target pixel, n = the shrinking factor rounded up, so that no detail turns into a pattern.
 * @param toSource takes the target's coordinates to the source's
 * @returns a sampler of target coordinates
 */
export function sampler(source: Image, toSource: Similarity): Sampler {
  const { a, b, tx, ty } = toSource
  const n = Math.max(1, Math.ceil(scaleOf(toSource) - 1e-6))
  const place = new Float64Array(3)
  return (x, y, colour) => {
    colour.fill(0)
    for (let j = 0; j < n; j++) {
      const v = y + (j + 0.5) / n - 0.5
      for (let i = 0; i < n; i++) {
        const u = x + (i + 0.5) / n - 0.5
        interpolate(source, a * u - b * v + tx, b * u + a * v + ty, place)
        for (let c = 0; c < 3; c++) colour[c]! += place[c]! / (n * n)
      }
    }
    for (let c = 0; c < 3; c++) colour[c] = Math.min(255, Math.max(0, colour[c]!))
  }
}

/**
 * A picture of `width` x `height` seen through a map from its coordinates to those of `source`.
 * @see sampler for the interpolation
 */
export function warp(source: Image, toSource: Similarity, width: number, height: number): Image {
  const data = new Uint8Array(width * height * 3)
  const sample = sampler(source, toSource)
  const colour = new Float64Array(3)
  for (let y = 0, k = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      sample(x + 0.5, y + 0.5, colour)
      for (let c = 0; c < 3; c++) data[k++] = colour[c]! + 0.5
    }
  }
  return { width, height, data }
}

const wx = new Float64Array(4)
const wy = new Float64Array(4)

/** Catmull-Rom interpolation of the 4 x 4 pixels around a place in continuous coordinates. */
function interpolate({ data, width, height }: Image, x: number, y: number, colour: Float64Array): void {
  const [x0, y0] = [Math.floor(x - 0.5), Math.floor(y - 0.5)]
  catmullRom(x - 0.5 - x0, wx)
  catmullRom(y - 0.5 - y0, wy)
  let [red, green, blue] = [0, 0, 0]
  for (let j = 0; j < 4; j++) {
    const row = Math.min(height - 1, Math.max(0, y0 + j - 1)) * width
    for (let i = 0; i < 4; i++) {
      const k = 3 * (row + Math.min(width - 1, Math.max(0, x0 + i - 1)))
      const weight = wy[j]! * wx[i]!
      red += weight * data[k]!
      green += weight * data[k + 1]!
      blue += weight * data[k + 2]!
    }
  }
  colour[0] = red
  colour[1] = green
  colour[2] = blue
}

/** Weights of the pixels at -1, 0, 1, 2 for a place at `t` in 0..1. */
function catmullRom(t: number, weights: Float64Array): void {
  weights[0] = t * (-0.5 + t * (1 - 0.5 * t))
  weights[1] = 1 + t * t * (-2.5 + 1.5 * t)
  weights[2] = t * (0.5 + t * (2 - 1.5 * t))
  weights[3] = t * t * (-0.5 + 0.5 * t)
}
