import * as tf from '@tensorflow/tfjs'
import { expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { upload } from '../../src/backend/upload.ts'
import { usableBackends } from '../models/backends.ts'

it.each([...usableBackends, 'cpu'] as const)('a tensor is on %s at once, and is what it was', async backend => {
  await useBackend(backend)
  const before = tf.memory().numTensors
  const x = upload(tf.tensor1d([1, -2, 3]))
  const { tensorMap } = tf.backend() as { tensorMap?: { get(id: object): { values: unknown } } }
  if (backend === 'tensorflow') expect(tensorMap!.get(x.dataId).values).toBeNull()
  expect([...(await x.data())]).toEqual([1, -2, 3])
  expect([...(await tf.tidy(() => tf.add(x, x)).data())]).toEqual([2, -4, 6])
  x.dispose()
  expect(tf.memory().numTensors).toBe(before + 1)
})
