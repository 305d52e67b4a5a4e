import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { coverFace } from '../../src/faces/cover-face.ts'
import { detectFaces, type Face } from '../../src/faces/detect.ts'
import { readImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import {
  type Checker,
  checkerOf,
  checkFace,
  embedViews,
  loadChecker,
  passes,
  similarityOf,
  viewOf,
} from '../../src/pipeline/check-result.ts'
import { couple } from './photos.ts'

let photo: Image
let faces: Face[]
let checker: Checker

beforeAll(async () => {
  await useBackend('wasm')
  photo = await readImage(await couple().png().toBuffer())
  faces = await detectFaces(photo)
  checker = (await loadChecker({ guide: ['dlib', 'faceres'] }))!
})

test('results are checked by the best recognizer that does not guide', () => {
  expect(checkerOf({ guide: ['dlib', 'faceres'] })).toBe('mobilefacenet')
  expect(checkerOf({ guide: ['dlib', 'mobilefacenet'] })).toBe('faceres')
  expect(checkerOf({ guide: ['dlib', 'faceres', 'mobilefacenet'] })).toBeUndefined()
  expect(checker.threshold).toBeGreaterThan(0.2)
  expect(checker.threshold).toBeLessThan(0.5)
})

test('a face is known again as it is, by landmarks that are known and by those that are found; another and a cover are not', async () => {
  const tensors = tf.memory().numTensors
  const views = faces.map(face => viewOf(photo, face, true))
  const originals = await embedViews(views, checker.recognizer)
  expect(originals.map(embeddings => embeddings.length)).toEqual([2, 2])
  expect(similarityOf([originals[0]![0]!], [originals[0]![1]!])).toBeGreaterThan(0.8)
  const check = (task: 'anonymize' | 'hide', face: (typeof originals)[number]) =>
    checkFace(task, face, originals, 0, checker.threshold)
  expect(check('anonymize', originals[0]!)).toMatchObject({ accepted: true })
  expect(check('anonymize', originals[0]!).similarity).toBeCloseTo(1, 3)
  expect(check('hide', originals[1]!).accepted).toBe(false)

  const [covered] = await embedViews([viewOf(coverFace(photo, faces[0]!), faces[0]!, true)], checker.recognizer)
  const ofCover = check('anonymize', covered!)
  expect(passes('anonymize', ofCover)).toBe(true)
  expect(passes('hide', ofCover)).toBe(false)
  // The first round loads the networks, which stay.
  const loaded = tf.memory().numTensors
  await embedViews(views, checker.recognizer)
  expect(tf.memory().numTensors).toBe(loaded)
  expect(loaded).toBeGreaterThanOrEqual(tensors)
})
