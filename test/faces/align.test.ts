import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { alignFace } from '../../src/faces/alignment.ts'
import { fivePoints, type Point, template } from '../../src/faces/template.ts'
import { apply, invert, type Similarity, scaleOf, similarity, warp } from '../../src/faces/warp.ts'
import type { Image } from '../../src/images/image.ts'

const number = fc.double({ min: -100, max: 100, noNaN: true })
const points = fc
  .array(fc.record({ x: number, y: number }), { minLength: 5, maxLength: 5 })
  .filter(ps => ps.some(p => Math.hypot(p.x - ps[0]!.x, p.y - ps[0]!.y) > 1))
const map = fc.record({ a: number, b: number, tx: number, ty: number }).filter(m => scaleOf(m) > 0.1)

const distance = (p: Point, q: Point) => Math.hypot(p.x - q.x, p.y - q.y)
const error = (m: Similarity, from: Point[], to: Point[]) =>
  from.reduce((sum, p, i) => sum + distance(apply(m, p), to[i]!) ** 2, 0)

describe('similarity', () => {
  it('finds the map again that moved the points', () => {
    fc.assert(
      fc.property(points, map, (from, true_) => {
        const to = from.map(p => apply(true_, p))
        const found = similarity(from, to)
        for (const p of from) expect(distance(apply(found, p), apply(true_, p))).toBeLessThan(1e-6)
      }),
    )
  })

  it('is the least of squares: no map near it is better', () => {
    fc.assert(
      fc.property(points, points, fc.record({ a: number, b: number, tx: number, ty: number }), (from, to, step) => {
        const best = similarity(from, to)
        const other = {
          a: best.a + step.a / 1e3,
          b: best.b + step.b / 1e3,
          tx: best.tx + step.tx,
          ty: best.ty + step.ty,
        }
        const least = error(best, from, to)
        expect(error(other, from, to)).toBeGreaterThanOrEqual(least * (1 - 1e-9) - 1e-9)
      }),
    )
  })

  it('is undone by its inverse', () => {
    fc.assert(
      fc.property(map, fc.record({ x: number, y: number }), (m, p) => {
        expect(distance(apply(invert(m), apply(m, p)), p)).toBeLessThan(1e-6)
      }),
    )
  })

  it('refuses points that are all one', () => {
    const one = [1, 2, 3, 4, 5].map(() => ({ x: 3, y: 3 }))
    expect(() => similarity(one, template())).toThrow(/two different points/)
  })
})

describe('template', () => {
  it('is the ArcFace template inside of a square of 104 / 128 of the side, at (12, 14)', () => {
    const [leftEye] = template(256)
    expect(((leftEye!.x - 2 * 12) / (2 * 104)) * 112).toBeCloseTo(38.2946, 4)
    expect(((leftEye!.y - 2 * 14) / (2 * 104)) * 112).toBeCloseTo(51.6963, 4)
  })

  it('makes five points of 68 landmarks', () => {
    const landmarks = Array.from({ length: 68 }, (_, i) => ({ x: i, y: -i }))
    expect(fivePoints(landmarks).map(p => p.x)).toEqual([38.5, 44.5, 30, 48, 54])
  })
})

describe('warp', () => {
  const picture: Image = {
    width: 32,
    height: 24,
    data: Uint8Array.from({ length: 32 * 24 * 3 }, (_, k) => (k * 7919) % 256),
  }

  it('by nothing is the same picture', () => {
    expect(warp(picture, { a: 1, b: 0, tx: 0, ty: 0 }, 32, 24)).toEqual(picture)
  })

  it('repeats the border outside of the picture', () => {
    const { data } = warp(picture, { a: 1, b: 0, tx: -100, ty: -100 }, 2, 2)
    expect([...data.subarray(0, 3)]).toEqual([...picture.data.subarray(0, 3)])
  })

  it('keeps straight ramps straight when it turns and enlarges', () => {
    const ramp: Image = {
      width: 64,
      height: 64,
      data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, k) => 2 * (Math.floor(k / 3) % 64)),
    }
    const toSource = { a: 0.4, b: 0.3, tx: 25, ty: 20 }
    const { data } = warp(ramp, toSource, 20, 20)
    for (let y = 0; y < 20; y++) {
      for (let x = 0; x < 20; x++) {
        const expected = 2 * (apply(toSource, { x: x + 0.5, y: y + 0.5 }).x - 0.5)
        expect(Math.abs(data[3 * (y * 20 + x)]! - expected)).toBeLessThanOrEqual(0.51)
      }
    }
  })

  it('averages when it shrinks: a fine chessboard becomes grey', () => {
    const board: Image = {
      width: 120,
      height: 120,
      data: Uint8Array.from({ length: 120 * 120 * 3 }, (_, k) => {
        const pixel = Math.floor(k / 3)
        return ((pixel % 120) + Math.floor(pixel / 120)) % 2 ? 255 : 0
      }),
    }
    const { data } = warp(board, { a: 6, b: 2, tx: 0, ty: 0 }, 15, 15)
    for (const byte of data) expect(Math.abs(byte - 127.5)).toBeLessThan(20)
  })
})

it('alignFace brings five points to the template', async () => {
  const eyes: Point[] = template(128).map(p => apply({ a: 0.6, b: 0.5, tx: 60, ty: 20 }, p))
  const data = new Uint8Array(200 * 200 * 3)
  const [leftEye] = eyes
  // A white blob of 5 x 5 pixels on the left eye.
  for (let y = -2; y <= 2; y++) {
    for (let x = -2; x <= 2; x++) {
      const offset = 3 * ((Math.floor(leftEye!.y) + y) * 200 + Math.floor(leftEye!.x) + x)
      data.fill(255, offset, offset + 3)
    }
  }
  const { face, transform } = await alignFace({ width: 200, height: 200, data }, eyes)
  expect([face.width, face.height]).toEqual([128, 128])
  expect(distance(apply(transform, leftEye!), template()[0]!)).toBeLessThan(1e-9)
  const at = (p: Point) => face.data[3 * (Math.floor(p.y) * 128 + Math.floor(p.x))]
  expect(at(template()[0]!)).toBeGreaterThan(200)
  expect(at(template()[1]!)).toBe(0)
})
