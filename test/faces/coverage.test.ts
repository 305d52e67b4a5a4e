import { beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { coverFace, faceFit, misfit } from '../../src/faces/cover-face.ts'
import { detectFaces, type Face } from '../../src/faces/detect.ts'
import { judgeFace } from '../../src/faces/judge-face.ts'
import { headPose } from '../../src/faces/landmarks.ts'
import { meanLandmarks } from '../../src/faces/template.ts'
import { readImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import { couple } from '../pipeline/photos.ts'

const box = { x: 250, y: 330, width: 500, height: 560 }
/** Of a face that is not quite the mean one. */
const landmarks = meanLandmarks(1000).map(({ x, y }, i) => ({ x: x + (i % 3) * 6, y: y - (i % 2) * 8 }))

describe('whether landmarks fit the box of the face', () => {
  test('those of a face do', () => {
    const fit = faceFit({ box, landmarks })
    expect(fit.residual).toBeLessThan(0.02)
    expect(fit.covered).toBe(1)
    expect(misfit(fit)).toBeUndefined()
  })

  test('those of the mean face do not: it stands in where no landmarks are found', () => {
    expect(misfit(faceFit({ box, landmarks: meanLandmarks(1000) }))).toMatch(/too little to see/)
  })

  const changed = (change: (p: { x: number; y: number }, i: number) => { x: number; y: number }) =>
    misfit(faceFit({ box, landmarks: landmarks.map(change) }))

  test.each([
    [
      'huddled on a part of it',
      (p: { x: number; y: number }) => ({ x: 400 + 0.4 * (p.x - 500), y: 450 + 0.4 * (p.y - 610) }),
      /0\.4 times the size/,
    ],
    [
      'around a larger thing',
      (p: { x: number; y: number }) => ({ x: 500 + 2 * (p.x - 500), y: 610 + 2 * (p.y - 610) }),
      /times the size/,
    ],
    ['beside it', (p: { x: number; y: number }) => ({ x: p.x + 200, y: p.y }), /beside the face/],
    [
      'on its upper half',
      (p: { x: number; y: number }) => ({ x: p.x, y: 420 + 0.5 * (p.y - 420) }),
      /landmarks (that are those of no face|around \d+ %)/,
    ],
    [
      'in disorder',
      (p: { x: number; y: number }, i = 0) => ({ x: p.x + (i % 2 ? 90 : -90), y: p.y }),
      /those of no face/,
    ],
  ] as const)('those %s do not', (_, change, message) => {
    expect(changed(change)).toMatch(message)
  })
})

/** The six landmarks that the pose is read from, of a generic head turned by yaw, pitch and roll in degrees. */
function posed(yaw: number, pitch: number, roll: number) {
  const head = {
    30: [0, 0, 0],
    8: [0, 330, 65],
    36: [-225, -170, 135],
    45: [225, -170, 135],
    48: [-150, 150, 125],
    54: [150, 150, 125],
  }
  const points = meanLandmarks(1)
  const [a, b, c] = [yaw, pitch, roll].map(angle => (angle * Math.PI) / 180) as [number, number, number]
  for (const [i, [x, y, z]] of Object.entries(head) as unknown as [number, [number, number, number]][]) {
    const [x1, z1] = [x * Math.cos(a) - z * Math.sin(a), x * Math.sin(a) + z * Math.cos(a)]
    const y1 = y * Math.cos(b) - z1 * Math.sin(b)
    points[i] = {
      x: 0.3 * (x1 * Math.cos(c) - y1 * Math.sin(c)) + 90,
      y: 0.3 * (x1 * Math.sin(c) + y1 * Math.cos(c)) + 70,
    }
  }
  return points
}

test.each([
  [0, 0, 0],
  [35, 0, 0],
  [-60, 10, 0],
  [20, -25, 30],
])('the pose of a head turned by %i, %i and %i degrees is found', (yaw, pitch, roll) => {
  const pose = headPose(posed(yaw, pitch, roll))
  expect(pose.yaw).toBeCloseTo(yaw, 4)
  expect(pose.pitch).toBeCloseTo(pitch, 4)
  expect(pose.roll).toBeCloseTo(roll, 4)
})

describe('faces of a photo', () => {
  let photo: Image
  let faces: Face[]
  beforeAll(async () => {
    await useBackend('wasm')
    photo = await readImage(await couple().png().toBuffer())
    faces = await detectFaces(photo)
  })

  test('that look into the camera can be replaced', () => {
    for (const face of faces) expect(judgeFace(face).problem).toBeUndefined()
  })

  test('that are small, turned away or without landmarks are to be covered, and it is said why', () => {
    const [face] = faces
    const small = judgeFace({ ...face!, box: { ...face!.box, width: 20 } })
    expect(small.problem).toEqual({ reason: 'too small', detail: '20 pixels wide' })
    // Narrower across, as a head that is turned, its middle line at the rim.
    const profile = posed(60, 0, 0)
    const turned = meanLandmarks(1).map((_, i) => profile[i]!)
    expect(Math.round(headPose(turned).yaw)).toBe(60)
    const huddled = judgeFace({ ...face!, landmarks: face!.landmarks.map(({ x }) => ({ x, y: face!.box.y })) })
    expect(huddled.problem?.reason).toBe('misplaced')
    // In place of such landmarks are those of a mean face in the box.
    const { x, y, width, height } = face!.box
    const { x: nx, y: ny } = huddled.landmarks[30]!
    expect(Math.abs(nx - x - width / 2)).toBeLessThan(0.1 * width)
    expect(Math.abs(ny - y - height / 2)).toBeLessThan(0.2 * height)
  })

  test('in profile are to be covered', () => {
    const [face] = faces
    // The six landmarks of a generic head turned by so much, with the face's others: only the pose is asked for.
    const { x, y, width } = face!.box
    const head = posed(50, 0, 0)
    const landmarks = face!.landmarks.map((point, i) =>
      [8, 30, 36, 45, 48, 54].includes(i)
        ? { x: x + ((head[i]!.x - 10) * width) / 160, y: y + (head[i]!.y * width) / 160 }
        : point,
    )
    const judged = judgeFace({ ...face!, landmarks })
    expect(judged.problem).toBeDefined()
    expect(['in profile', 'misplaced']).toContain(judged.problem!.reason)
  })
})

describe('a cover', () => {
  const [width, height] = [90, 80]
  const noise = (seed: number) =>
    Uint8Array.from({ length: 3 * width * height }, (_, k) => (Math.imul(k + 1, 2654435761 + seed) >>> 13) & 255)
  const photo = { width, height, data: noise(0) }
  const face = { box: { x: 30, y: 20, width: 30, height: 40 }, landmarks: [] }
  const pixels = ({ data }: Image) =>
    Array.from({ length: width * height }, (_, i) => [...data.subarray(3 * i, 3 * i + 3)])
  const isIn = (i: number, { x, y, width: w, height: h }: typeof face.box) =>
    i % width >= x && i % width < x + w && Math.floor(i / width) >= y && Math.floor(i / width) < y + h

  test('leaves a smooth surface in the box, and every pixel far from it as it was', () => {
    const covered = coverFace(photo, face)
    const [before, after] = [pixels(photo), pixels(covered)]
    for (let i = 0; i < before.length; i++) {
      if (!isIn(i, { x: 5, y: 0, width: 80, height: 80 })) expect(after[i]).toEqual(before[i])
      if (!isIn(i, face.box) || !isIn(i + 1, face.box)) continue
      for (let c = 0; c < 3; c++) expect(Math.abs(after[i]![c]! - after[i + 1]![c]!)).toBeLessThan(25)
    }
  })

  test('depends on nothing of the face but a few means: shuffled within its cells it is the same', () => {
    // Of one cell that is the whole: pixels of the box in another order.
    const shuffled = photo.data.slice()
    const inner = pixels(photo).flatMap((_, i) => (isIn(i, face.box) ? [i] : []))
    inner.forEach((i, k) => {
      const from = inner[(k * 7 + 3) % inner.length]!
      shuffled.set(photo.data.subarray(3 * from, 3 * from + 3), 3 * i)
    })
    const [a, b] = [coverFace(photo, face, { cells: 1 }), coverFace({ ...photo, data: shuffled }, face, { cells: 1 })]
    const [p, q] = [pixels(a), pixels(b)]
    expect(shuffled).not.toEqual(photo.data)
    for (const i of inner) expect(p[i]).toEqual(q[i])
  })

  test('works at the border, on one pixel, and on any box', () => {
    for (const box of [
      { x: -20, y: -30, width: 50, height: 60 },
      { x: 89, y: 79, width: 0.4, height: 0.4 },
      { x: 500, y: 500, width: 9, height: 9 },
      { x: 0, y: 0, width, height },
    ]) {
      const covered = coverFace(photo, { box, landmarks: [] })
      expect(covered.data).toHaveLength(photo.data.length)
    }
  })
})
