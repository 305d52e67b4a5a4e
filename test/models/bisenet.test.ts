import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { bisenet, faceParser, faceParts, faceRegion } from '../../src/models/bisenet.ts'
import { proceduralWeights } from '../../src/parity/golden.ts'
import { usableBackends } from './backends.ts'

beforeAll(() => useBackend(usableBackends[0]))

/** Scores [1, 1, n, 19] whose highest are those of `parts`. */
const scoresOf = (...parts: string[]) =>
  tf.tensor4d([[parts.map(part => faceParts.map(other => (other === part ? 3 : faceParts.indexOf(other) / 19)))]])

it('takes for face what is not background, or none of the parts named', async () => {
  const scores = scoresOf('background', 'skin', 'hair', 'hat')
  expect([...(await faceRegion(scores).data())]).toEqual([0, 1, 1, 1])
  expect([...(await faceRegion(scores, ['background', 'hair', 'hat']).data())]).toEqual([0, 1, 0, 0])
  expect(() => faceRegion(scores, ['ear'])).toThrow("found 'ear'")
})

it('parses faces of any size, and leaves no tensor behind', async () => {
  expect(faceParts).toHaveLength(19)
  const weights = proceduralWeights(bisenet().parameters)
  const parse = faceParser(weights)
  const face = tf.randomUniform([1, 40, 40, 3], -1, 1, 'float32', 5) as tf.Tensor4D
  const before = tf.memory().numTensors
  const region = tf.tidy(() => faceRegion(parse(face)))
  expect(region.shape).toEqual([1, 512, 512, 1])
  expect(tf.memory().numTensors).toBe(before + 1)
  tf.dispose(region)
})
