import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { readImage, toTensor } from '../../src/data/image.ts'
import { detectFaces } from '../../src/faces/detect.ts'
import { facialAttributes, loadFacialAttributes } from '../../src/faces/facial-attributes.ts'
import { alignFfhq } from '../../src/faces/ffhq.ts'

beforeAll(() => useBackend('auto'))

test('glasses drawn around the eyes are told, and nothing else changes much', async () => {
  const photo = await readImage('node_modules/@vladmandic/face-api/demo/sample6.jpg')
  const [found] = await detectFaces(photo)
  const { face } = alignFfhq(photo, found!.landmarks, 256)
  const drawn = { ...face, data: Uint8Array.from(face.data) }
  for (const [x, y] of [[97, 122], [159, 122]] as const) // biome-ignore format: one line
    for (let row = 0; row < 256; row++)
      for (let column = 0; column < 256; column++)
        if (Math.abs(Math.hypot(column - x, row - y) - 24) < 2.5) drawn.data.fill(20, 3 * (256 * row + column), 3 * (256 * row + column + 1)) // biome-ignore format: one line
  const classify = await loadFacialAttributes()
  const [without, withGlasses] = [face, drawn].map(
    image => tf.tidy(() => classify(toTensor(image))).dataSync() as Float32Array,
  )
  const of = (values: Float32Array | undefined, name: (typeof facialAttributes)[number]) =>
    values![facialAttributes.indexOf(name)]!
  expect(of(without, 'glasses')).toBeLessThan(0)
  expect(of(withGlasses, 'glasses')).toBeGreaterThan(0.5)
  for (const name of ['hat', 'beard'] as const) expect(of(without, name)).toBeLessThan(0)
})
