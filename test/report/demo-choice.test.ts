import { expect, test } from 'vitest'
import { meanLandmarks } from '../../src/faces/template.ts'
import type { PhotoFace } from '../../src/pipeline/photo-face.ts'
import { inRounds, portraitQuality } from '../../src/report/demo-choice.ts'

const photo = (value: number) => ({ width: 200, height: 200, data: new Uint8Array(3 * 200 * 200).fill(value) })
const bright = photo(150)
const box = { x: 50, y: 60, width: 100, height: 100 }
const face = { box, score: 0.9, landmarks: meanLandmarks(200) }
const quality = portraitQuality(bright, face)

test('a portrait is the better the larger and the surer the face is', () => {
  const half = { ...box, width: 50, height: 50 }
  expect(portraitQuality(bright, { ...face, box: half })).toBeCloseTo(quality / 2)
  expect(portraitQuality(bright, { ...face, score: 0.45 })).toBeCloseTo(quality / 2)
})

test('dark, washed out, turned away and with eyes shut it is worse', () => {
  expect(portraitQuality(photo(50), face)).toBeLessThan(quality)
  expect(portraitQuality(photo(250), face)).toBeLessThan(quality)
  const shut = face.landmarks.map((p, i) => (i >= 36 && i < 48 ? { ...p, y: 92 + (p.y - 92) / 3 } : p))
  expect(portraitQuality(bright, { ...face, landmarks: shut })).toBeLessThan(quality / 2)
  const turned = face.landmarks.map((p, i) => (i === 30 ? { ...p, x: p.x + 40 } : p))
  expect(portraitQuality(bright, { ...face, landmarks: turned })).toBeLessThan(quality)
})

test('the best of each photo come first, then the second ones', () => {
  const faces = (...scores: number[]) =>
    scores.map((score, index) => ({ index, found: { ...face, score } }) as unknown as PhotoFace)
  const photos = [{ faces: faces(0.6, 0.9, 0.8) }, { faces: faces(0.7) }, { faces: faces(0.8, 0.9) }]
  const order = inRounds(photos.map(each => ({ ...each, original: bright })))
  expect(order.map(({ photo, face }) => `${photo} ${face.index}`)).toEqual(['0 1', '1 0', '2 1', '0 2', '2 0', '0 0'])
})
