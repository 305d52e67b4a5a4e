/** The networks that only evaluation uses: a second detector, and the judges of expression, age and gender. */
import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { alignFace } from '../../src/faces/alignment.ts'
import { attributeNetworks } from '../../src/faces/attributes.ts'
import { detectBlaze } from '../../src/faces/blazeface.ts'
import { intersectionOverUnion } from '../../src/faces/box.ts'
import { detectSsd } from '../../src/faces/ssd-mobilenet.ts'
import { readImage } from '../../src/images/codec.ts'
import { type Image, toTensor } from '../../src/images/image.ts'
import { couple, grey, portrait } from '../pipeline/photos.ts'

const image = async (picture: ReturnType<typeof grey>): Promise<Image> => readImage(await picture.png().toBuffer())

beforeAll(async () => void (await useBackend('wasm')))

test('BlazeFace finds the faces that the first detector finds, each once, and none in grey', async () => {
  const photo = await image(couple())
  const [expected, found] = [await detectSsd(photo), await detectBlaze(photo)]
  expect(found).toHaveLength(2)
  for (const { box } of expected)
    expect(Math.max(...found.map(other => intersectionOverUnion(box, other.box)))).toBeGreaterThan(0.4)
  const before = tf.memory().numTensors
  expect(await detectBlaze(await image(grey()))).toEqual([])
  expect(tf.memory().numTensors).toBe(before)
})

test('expression, age and gender are a distribution, years and a probability, the same in a batch', async () => {
  const photo = await image(portrait())
  const [found] = await detectSsd(photo)
  const { face } = await alignFace(photo, found!.landmarks)
  const { attributes } = await attributeNetworks()
  const before = tf.memory().numTensors
  const rows = tf.tidy(() => attributes(tf.concat([toTensor(face), tf.zeros([1, 128, 128, 3]), toTensor(face)])))
  const [first, , third] = (await rows.array()) as number[][]
  rows.dispose()
  expect(tf.memory().numTensors).toBe(before)
  expect(first!.slice(0, 7).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4)
  expect(first![7]).toBeGreaterThan(10)
  expect(first![7]).toBeLessThan(90)
  expect(first![8]).toBeGreaterThanOrEqual(0)
  expect(first![8]).toBeLessThanOrEqual(1)
  for (const [i, value] of third!.entries()) expect(value).toBeCloseTo(first![i]!, 4)
})
