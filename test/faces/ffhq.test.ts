import { describe, expect, it } from 'vitest'
import { alignFfhq, ffhqTransform, templateRectangle } from '../../src/faces/alignment.ts'
import { fivePoints, type Point, template } from '../../src/faces/template.ts'
import { apply, invert, type Similarity, scaleOf } from '../../src/faces/warp.ts'
import type { Image } from '../../src/images/image.ts'

/** 68 landmarks whose five points are these; the others are at the nose. */
function landmarksOf([leftEye, rightEye, nose, mouthLeft, mouthRight]: Point[]): Point[] {
  return Array.from({ length: 68 }, (_, i) => {
    if (i >= 36 && i < 42) return leftEye!
    if (i >= 42 && i < 48) return rightEye!
    return i === 48 ? mouthLeft! : i === 54 ? mouthRight! : nose!
  })
}

const tilted = (points: Point[], map: Similarity) => points.map(p => apply(map, p))
const slanted: Similarity = { a: 1.7, b: 0.6, tx: 210, ty: 95 }

function picture(width: number, height: number, colour: (x: number, y: number) => number[]): Image {
  const data = new Uint8Array(width * height * 3)
  for (let i = 0; i < width * height; i++) data.set(colour((i % width) + 0.5, Math.floor(i / width) + 0.5), 3 * i)
  return { width, height, data }
}

const red = (image: Image, x: number, y: number) => image.data[3 * (Math.floor(y) * image.width + Math.floor(x))]!

describe('ffhqTransform', () => {
  it.each([0, 1])('takes the corners of the square of FFHQ to those of the result, face %i', wide => {
    const face = template(128).map(p => ({ x: wide ? p.x * 1.6 : p.x, y: p.y }))
    const [l, r, , p, q] = tilted(face, slanted) as [Point, Point, Point, Point, Point]
    // recreate_aligned_images of the FFHQ repository, in its own order and words.
    const eyeAvg = [(l.x + r.x) / 2, (l.y + r.y) / 2]
    const eyeToEye = [r.x - l.x, r.y - l.y]
    const eyeToMouth = [(p.x + q.x) / 2 - eyeAvg[0]!, (p.y + q.y) / 2 - eyeAvg[1]!]
    let x = [eyeToEye[0]! + eyeToMouth[1]!, eyeToEye[1]! - eyeToMouth[0]!]
    const factor = Math.max(Math.hypot(...eyeToEye) * 2, Math.hypot(...eyeToMouth) * 1.8) / Math.hypot(...x)
    x = x.map(v => v * factor)
    const y = [-x[1]!, x[0]!]
    const c = eyeAvg.map((v, i) => v + eyeToMouth[i]! * 0.1)
    const quad = [
      [-1, -1],
      [-1, 1],
      [1, 1],
      [1, -1],
    ].map(([s, t]) => ({ x: c[0]! + s! * x[0]! + t! * y[0]!, y: c[1]! + s! * x[1]! + t! * y[1]! }))
    const transform = ffhqTransform(landmarksOf([l, r, l, p, q]), 256)
    const corners = quad.map(corner => apply(transform, corner))
    const expected = [0, 0, 0, 256, 256, 256, 256, 0]
    corners.forEach((corner, i) => {
      expect(corner.x).toBeCloseTo(expected[2 * i]!, 6)
      expect(corner.y).toBeCloseTo(expected[2 * i + 1]!, 6)
    })
  })

  it('refuses landmarks that are all one', () => {
    expect(() => ffhqTransform(landmarksOf(Array(5).fill({ x: 3, y: 4 })), 256)).toThrow(/found one/)
  })
})

describe('alignFfhq', () => {
  const landmarks = landmarksOf(tilted(template(128), slanted))

  it.each([64, 300])('shows the photo through the transform, at side %i', size => {
    const photo = picture(700, 600, (x, y) => [x / 3, y / 3, 255 - x / 3])
    const { face, transform } = alignFfhq(photo, landmarks, size)
    expect([face.width, face.height]).toEqual([size, size])
    let compared = 0
    for (let y = 4; y < size; y += 9) {
      for (let x = 4; x < size; x += 9) {
        const p = apply(invert(transform), { x: x + 0.5, y: y + 0.5 })
        if (Math.min(p.x, p.y, 700 - p.x, 600 - p.y) < 8) continue
        compared++
        expect(Math.abs(red(face, x, y) - p.x / 3)).toBeLessThan(1)
      }
    }
    expect(compared).toBeGreaterThan(40)
  })

  it('does not turn a fine chessboard into a pattern when it shrinks', () => {
    const board = picture(700, 600, (x, y) => Array(3).fill((Math.floor(x) + Math.floor(y)) % 2 ? 255 : 0))
    const { face, transform } = alignFfhq(board, landmarks, 64)
    expect(scaleOf(transform)).toBeLessThan(0.3)
    for (const byte of face.data) expect(Math.abs(byte - 127.5)).toBeLessThan(20)
  })

  it('mirrors what is beyond the photo, softly, and leaves the photo as it was', () => {
    const shifted = landmarks.map(p => ({ x: p.x - 330, y: p.y - 150 }))
    const photo = picture(700, 600, x => Array(3).fill(x < 40 ? 200 : 20))
    const { face, transform } = alignFfhq(photo, shifted, 256)
    const at = (x: number, y: number) => {
      const p = apply(transform, { x, y })
      return red(face, p.x, p.y)
    }
    expect(at(30, 100)).toBe(200)
    expect(at(50, 100)).toBe(20)
    expect(at(-8, 100)).toBeGreaterThan(150)
    const far = at(-60, 100)
    expect(far).toBeLessThan(150)
  })

  it('takes a face of 1024 px out of 12 megapixels in well under a second of a core', () => {
    const photo: Image = { width: 4000, height: 3000, data: new Uint8Array(4000 * 3000 * 3) }
    const close = landmarks.map(p => ({ x: 6 * p.x, y: 6 * p.y }))
    alignFfhq(photo, close, 64)
    const { user } = process.cpuUsage() // other processes do not count
    alignFfhq(photo, close, 1024)
    expect((process.cpuUsage().user - user) / 1e6).toBeLessThan(1.5)
  })
})

describe('templateRectangle', () => {
  it('is the square that the template fills, for a face like it', () => {
    const face = template(100).map(p => ({ x: p.x + 60, y: p.y + 80 }))
    const { left, top, right, bottom } = templateRectangle(landmarksOf(face), 256)
    expect(left * 256).toBeCloseTo(60, 6)
    expect(top * 256).toBeCloseTo(80, 6)
    expect(right * 256).toBeCloseTo(160, 6)
    expect(bottom * 256).toBeCloseTo(180, 6)
  })

  it('is the least of squares for any other face', () => {
    const face = [
      [90, 120],
      [170, 112],
      [140, 160],
      [100, 190],
      [168, 181],
    ].map(([x, y]) => ({ x: x!, y: y! }))
    const error = (left: number, top: number, side: number) =>
      fivePoints(landmarksOf(face)).reduce((sum, p, i) => {
        const q = template(1)[i]!
        return sum + ((p.x - left) / side - q.x) ** 2 + ((p.y - top) / side - q.y) ** 2
      }, 0)
    const found = templateRectangle(landmarksOf(face), 256)
    const [left, top, side] = [found.left * 256, found.top * 256, (found.right - found.left) * 256]
    const least = error(left, top, side)
    for (const [x, y, s] of [
      [1, 0, 0],
      [-1, 0, 0],
      [0, 1, 0],
      [0, -1, 0],
      [0.5, 0.5, -1],
      [-0.5, -0.5, 1],
    ])
      expect(error(left + x!, top + y!, side + s!)).toBeGreaterThan(least)
  })
})
