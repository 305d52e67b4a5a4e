import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { detectFaces, type Face } from '../../src/faces/detect.ts'
import type { Point } from '../../src/faces/template.ts'
import { apply, invert, type Similarity, warp } from '../../src/faces/warp.ts'
import { readImage, resizeImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import { usableBackends } from '../models/backends.ts'
import { expectUpright } from './expect-upright.ts'

const sample = (i: number) => readImage(`node_modules/@vladmandic/face-api/demo/sample${i}.jpg`)
const distance = (p: Point, q: Point) => Math.hypot(p.x - q.x, p.y - q.y)
/** Mean distance of two faces' five points, relative to the distance of the eyes. */
const apart = (p: readonly Point[], q: readonly Point[]) =>
  p.reduce((sum, point, i) => sum + distance(point, q[i]!) / p.length, 0) / distance(q[0]!, q[1]!)
/** How near the nearest of some faces is to five points. */
const nearest = (faces: readonly Face[], points: readonly Point[]) =>
  Math.min(...faces.map(face => apart(face.points, points)))

/** Turns about a point, clockwise by degrees. */
function turning(degrees: number, { x, y }: Point): Similarity {
  const [a, b] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
  return { a, b, tx: x - a * x + b * y, ty: y - b * x - a * y }
}

describe.each(usableBackends)('on %s', backend => {
  let photo: Image
  let faces: Face[]
  beforeAll(async () => {
    await useBackend(backend)
    photo = await resizeImage(await sample(3), 640, 450)
    faces = await detectFaces(photo)
  })

  it('finds the three faces of a photo from left to right, with their landmarks in place', () => {
    expect(faces).toHaveLength(3)
    expect(faces.map(face => face.box.x)).toEqual(faces.map(face => face.box.x).toSorted((p, q) => p - q))
    for (const face of faces) {
      expect(face.score).toBeGreaterThan(0.7)
      expect(Math.abs(face.roll)).toBeLessThan(20)
      expectUpright(face)
    }
  })

  it('decides face by face which way is up: one that hangs beside two that stand', async () => {
    const [first, middle] = faces as [Face, Face, Face]
    const about = { x: middle.box.x + middle.box.width / 2, y: middle.box.y + middle.box.height / 2 }
    const hanging = turning(160, about)
    const turned = warp(photo, invert(hanging), photo.width, photo.height)
    // The photo with the part about the middle face turned.
    const radius = 0.8 * middle.box.height
    const data = Uint8Array.from(photo.data)
    for (let y = 0, k = 0; y < photo.height; y++)
      for (let x = 0; x < photo.width; x++, k += 3)
        if (distance({ x, y }, about) < radius) data.set(turned.data.subarray(k, k + 3), k)
    const found = await detectFaces({ ...photo, data })
    expect(found).toHaveLength(3)
    expect(nearest(found, first.points)).toBeLessThan(0.1)
    expect(
      nearest(
        found,
        middle.points.map(point => apply(hanging, point)),
      ),
    ).toBeLessThan(0.15)
    expect(Math.max(...found.map(({ roll }) => Math.abs(roll)))).toBeGreaterThan(140)
  })

  it('finds a face that fills a photo, half a face at its border, and small faces', async () => {
    const { box, points } = faces[1]!
    const scale = box.height / 190
    const centre = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
    const close = { a: scale, b: 0, tx: centre.x - 100 * scale, ty: centre.y - 100 * scale }
    const closest = await detectFaces(warp(photo, close, 200, 200))
    expect(closest).toHaveLength(1)
    expect(
      nearest(
        closest,
        points.map(point => apply(invert(close), point)),
      ),
    ).toBeLessThan(0.1)

    const half = { a: 1, b: 0, tx: Math.round(centre.x), ty: 0 }
    const found = await detectFaces(warp(photo, half, photo.width - half.tx, photo.height))
    expect(found).toHaveLength(2)
    expect(found[0]!.box.x).toBe(0)

    const small = await resizeImage(photo, 160, 112)
    expect(await detectFaces(small)).toHaveLength(3)
  })

  it('finds none where there is none, and keeps no tensors', async () => {
    const before = tf.memory().numTensors
    const sky: Image = { width: 90, height: 60, data: new Uint8Array(90 * 60 * 3).fill(180) }
    expect(await detectFaces(sky)).toEqual([])
    expect(tf.memory().numTensors).toBe(before)
  })
})

it('finds the faces of a dark photo', async () => {
  await useBackend(usableBackends.at(-1))
  const photo = await resizeImage(await sample(5), 640, 466)
  const dark = { ...photo, data: photo.data.map(value => Math.round(0.2 * value)) }
  expect(await detectFaces(dark)).toHaveLength(5)
})
