import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, expect, test } from 'vitest'
import { type FaceEntry, FaceStore } from '../../src/data/face-store.ts'
import { calibrate } from '../../src/eval/identity/accept-thresholds.ts'
import { type Recognizer, unit } from '../../src/models/recognizers/recognizer.ts'
import { RandomStream } from '../../src/util/random.ts'
import { makeStoreOf } from '../data/store.ts'

const root = mkdtempSync(join(tmpdir(), 'calibrate-'))
afterAll(() => rmSync(root, { recursive: true }))

const dimensions = 4 * 4 * 3

/** Knows faces by their pixels. */
const pixels: Recognizer = {
  name: 'pixels',
  dimensions,
  embed: faces => tf.tidy(() => unit(tf.reshape(faces, [-1, dimensions]))),
}

/** A store of random 4 x 4 faces, three a person that differ by up to `noise` of 255. */
async function storeOf(people: number, noise: number): Promise<FaceStore> {
  const random = new RandomStream(0, 'faces', people, noise)
  const entries: FaceEntry[] = []
  const bytes: number[] = []
  for (let person = 0; person < people; person++) {
    const face = Array.from({ length: dimensions }, () => 30 + random.integer(196))
    for (let photo = 0; photo < 3; photo++) {
      entries.push({ id: `${person}/${photo}`, identity: `${person}` })
      bytes.push(...face.map(value => value + random.integer(noise + 1)))
    }
  }
  const folder = mkdtempSync(join(root, 'store-'))
  makeStoreOf(folder, 4, Uint8Array.from(bytes), entries)
  return FaceStore.open(folder)
}

test('a recognizer that knows everybody accepts all genuine pairs at a threshold below 1', async () => {
  const store = await storeOf(40, 10)
  const before = tf.memory().numTensors
  const done: number[] = []
  const found = await calibrate(pixels, store, 0.05, count => done.push(count))
  await store.close()
  expect(found).toMatchObject({ far: 0.05, tar: 1, genuinePairs: 120, impostorPairs: 780 })
  expect(found.threshold).toBeGreaterThan(0)
  expect(found.threshold).toBeLessThan(0.9)
  expect(done.at(-1)).toBe(120)
  expect(tf.memory().numTensors).toBe(before)
})

test('a lower false accept rate asks for a higher threshold', async () => {
  const store = await storeOf(40, 10)
  const [strict, lax] = [await calibrate(pixels, store, 0.02), await calibrate(pixels, store, 0.2)]
  await store.close()
  expect(strict.threshold).toBeGreaterThan(lax.threshold)
})

test('refuses what would leave the threshold to chance', async () => {
  const store = await storeOf(3, 10)
  await expect(calibrate(pixels, store, 0.001)).rejects.toThrow('found 3 pairs of 3 people: take more people')
  await expect(calibrate(pixels, store, 0)).rejects.toThrow('expected a false accept rate between 0 and 1, found 0')
  await store.close()
})
