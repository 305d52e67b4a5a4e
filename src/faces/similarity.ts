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
