import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { facialAttributes, loadFacialAttributes } from '../../src/faces/facial-attributes.ts'
import { type Image, toTensor } from '../../src/images/image.ts'
import { withAndWithoutGlasses } from './drawn-glasses.ts'

beforeAll(() => useBackend('wasm'))

test('glasses drawn around the eyes are told, and hat and beard are not', async () => {
  const { bare, withGlasses } = await withAndWithoutGlasses()
  const classify = await loadFacialAttributes()
  const logOdds = (image: Image, name: (typeof facialAttributes)[number]) =>
    tf.tidy(() => classify(toTensor(image)).dataSync()[facialAttributes.indexOf(name)]!)
  expect(logOdds(bare, 'glasses')).toBeLessThan(0)
  expect(logOdds(withGlasses, 'glasses')).toBeGreaterThan(0.5)
  for (const image of [bare, withGlasses])
    for (const name of ['hat', 'beard'] as const) expect(logOdds(image, name)).toBeLessThan(0)
})
