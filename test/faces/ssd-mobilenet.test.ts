import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-wasm'
import { beforeAll, describe, expect, it } from 'vitest'
import { landmarksInBox } from '../../src/faces/landmarks.ts'
import { anchorGrid, cellAnchors } from '../../src/faces/networks.ts'
import { detectSsd, type SsdFace } from '../../src/faces/ssd-mobilenet.ts'
import type { Point } from '../../src/faces/template.ts'
import { apply, invert, warp } from '../../src/faces/warp.ts'
import { readImage, resizeImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import { expectUpright } from './expect-upright.ts'

const sample = (i: number) => readImage(`node_modules/@vladmandic/face-api/demo/sample${i}.jpg`)
const distance = (p: Point, q: Point) => Math.hypot(p.x - q.x, p.y - q.y)
/** Mean distance of two faces' five points, relative to the distance of the eyes. */
const apart = (p: readonly Point[], q: readonly Point[]) =>
  p.reduce((sum, point, i) => sum + distance(point, q[i]!) / p.length, 0) / distance(q[0]!, q[1]!)

const backends = ['wasm']
try {
  await import('@tensorflow/tfjs-node')
  backends.push('tensorflow')
} catch {
  // The native backend is optional; wasm is always there.
}

describe.each(backends)('on %s', backend => {
  let photo: Image
  let faces: SsdFace[]
  beforeAll(async () => {
    await tf.setBackend(backend)
    photo = await resizeImage(await sample(3), 960, 675)
    faces = await detectSsd(photo)
  })

  it('finds the three faces of a photo from left to right, with their landmarks in place', () => {
    expect(faces).toHaveLength(3)
    expect(faces.map(face => face.box.x)).toEqual(faces.map(face => face.box.x).toSorted((p, q) => p - q))
    for (const face of faces) {
      expect(face.score).toBeGreaterThan(0.5)
      expectUpright(face)
    }
  })

  it('finds a face that fills a small photo, and one that is cut by the edge of it', async () => {
    const { box, points } = faces[0]!
    const side = 1.1 * box.height
    const centre = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
    const toPhoto = { a: side / 200, b: 0, tx: centre.x - side / 2, ty: centre.y - side / 2 }
    const [close, ...others] = await detectSsd(warp(photo, toPhoto, 200, 200))
    expect(others).toHaveLength(0)
    expect(
      apart(
        close!.points.map(p => apply(toPhoto, p)),
        points,
      ),
    ).toBeLessThan(0.08)

    const cut = { a: 1, b: 0, tx: Math.round(box.x + 0.2 * box.width), ty: Math.round(box.y - 100) }
    const [edge] = await detectSsd(warp(photo, cut, 250, 300))
    expect(edge!.box.x).toBeGreaterThanOrEqual(0)
    expect(edge!.box.x).toBeLessThan(20)
  })

  it('finds the landmarks of a known box, much the same for a box somewhat off and a face turned by 25 degrees', async () => {
    const { box } = faces[0]!
    const shifted = { ...box, x: box.x + 0.08 * box.width, y: box.y - 0.06 * box.height }
    const angle = (25 * Math.PI) / 180
    const [a, b] = [Math.cos(angle), Math.sin(angle)]
    const centre = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
    const turned = { a, b, tx: centre.x - a * centre.x + b * centre.y, ty: centre.y - b * centre.x - a * centre.y }
    const back = invert(turned)
    const corners = (landmarks: Point[]) => [36, 45, 30, 48, 54].map(i => landmarks[i]!)
    const known = corners(await landmarksInBox(photo, box))
    expect(apart(known, corners(faces[0]!.landmarks))).toBeLessThan(1e-3)
    expect(apart(corners(await landmarksInBox(photo, shifted)), known)).toBeLessThan(0.04)
    const tilted = corners(await landmarksInBox(warp(photo, back, photo.width, photo.height), box))
    expect(
      apart(
        tilted.map(p => apply(back, p)),
        known,
      ),
    ).toBeLessThan(0.05)
  })

  it('finds none where there is none, and keeps no tensors', async () => {
    const before = tf.memory().numTensors
    const sky: Image = { width: 90, height: 60, data: new Uint8Array(90 * 60 * 3).fill(180) }
    expect(await detectSsd(sky, { inputSize: [128, 256] })).toEqual([])
    await landmarksInBox(photo, faces[0]!.box)
    expect(tf.memory().numTensors).toBe(before)
  })
})

it('refuses an input size that the detector has no anchors for, and a box beside the photo', async () => {
  const sky: Image = { width: 90, height: 60, data: new Uint8Array(90 * 60 * 3) }
  await expect(detectSsd(sky, { inputSize: 300 })).rejects.toThrow(/power of two from 128, found 300/)
  await expect(landmarksInBox(sky, { x: 90, y: 0, width: 10, height: 10 })).rejects.toThrow(/overlaps the photo/)
})

it('anchors of the trained size follow from those of the first cells', async () => {
  const grids = [1024, 256, 64, 16, 4, 1]
  const perCell = [3, 6, 6, 6, 6, 6]
  const total = grids.reduce((sum, cells, i) => sum + cells * perCell[i]!, 0)
  expect(total).toBe(5118)
  // Cells of 16 pixels at level 0: a box of 32 pixels around the centre of the first, as it is in 512 units.
  const trained = new Float32Array(5118 * 4)
  trained.set([-8 / 512, -8 / 512, 24 / 512, 24 / 512])
  const anchors = await anchorGrid(cellAnchors(trained), 512).data()
  expect(anchors.length).toBe(5118 * 4)
  // Row 1, column 2 of level 0 starts at anchor 3 * (32 + 2).
  const start = 4 * 3 * (32 + 2)
  expect([...anchors.subarray(start, start + 4)].map(value => value * 512)).toEqual([8, 24, 40, 56])
})
