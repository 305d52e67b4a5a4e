import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { perhapsFace, searchFaces, surelyFace } from '../../src/faces/judge-face.ts'
import { readImage } from '../../src/images/codec.ts'
import { couple, grey } from '../pipeline/photos.ts'

beforeAll(() => useBackend('wasm'))

test('faces and doubtful detections are apart, by score and by place; how small a face may be is said', async () => {
  const photo = await readImage(await couple().png().toBuffer())
  const { faces, doubtful, smallest } = await searchFaces(photo)
  expect(faces).toHaveLength(2)
  expect(faces.every(({ score }) => score >= surelyFace)).toBe(true)
  for (const { score } of doubtful) {
    expect(score).toBeGreaterThanOrEqual(perhapsFace)
    expect(score).toBeLessThan(surelyFace)
  }
  expect(smallest).toBeGreaterThan(0)
  expect(smallest).toBeLessThan(Math.min(...faces.map(({ box }) => box.width)))
})

test('in nothing there is nothing', async () => {
  const nothing = await readImage(await grey().png().toBuffer())
  expect(await searchFaces(nothing)).toMatchObject({ faces: [], doubtful: [] })
})
