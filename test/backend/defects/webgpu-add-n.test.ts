import * as tf from '@tensorflow/tfjs'
import { afterAll, describe, expect, it } from 'vitest'
import { availableBackends, releaseBackend, useBackend } from '../../../src/backend/index.ts'

const webgpu = (await availableBackends()).find(({ name }) => name === 'webgpu')!

afterAll(releaseBackend)

describe('addN on webgpu', () => {
  if (!webgpu.usable) {
    it('is not run without an adapter, and says why', () => {
      console.log(`webgpu is not run: ${webgpu.reason}`)
      expect(webgpu.reason.length).toBeGreaterThan(0)
    })
    return
  }
  it.each([1, 2, 4, 5, 8, 10, 33])('adds %i tensors', async count => {
    await useBackend('webgpu')
    const before = tf.memory().numTensors
    const sum = tf.tidy(() => tf.addN(Array.from({ length: count }, (_, i) => tf.fill([300, 3], i + 1))))
    expect(new Set(await sum.data())).toEqual(new Set([(count * (count + 1)) / 2]))
    sum.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
})
