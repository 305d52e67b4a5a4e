import * as tf from '@tensorflow/tfjs'
import { afterAll, describe, expect, it } from 'vitest'
import { availableBackends, releaseBackend, useBackend } from '../../../src/backend/index.ts'
import { noise, on, relativeError } from './on-backend.ts'

const webgpu = (await availableBackends()).find(({ name }) => name === 'webgpu')!

afterAll(releaseBackend)

describe('products with a transposed second matrix on webgpu', () => {
  if (!webgpu.usable) {
    it('are not run without an adapter, and it says why', () => {
      console.log(`webgpu is not run: ${webgpu.reason}`)
      expect(webgpu.reason.length).toBeGreaterThan(0)
    })
    return
  }
  it.each([64, 1999, 2000, 4096])('over an inner dimension of %i', async inner => {
    await useBackend('webgpu')
    const product = () => {
      const a = tf.reshape(noise([2, inner, 1, 1]), [2, inner])
      const b = tf.reshape(noise([32, inner, 1, 1], 2), [32, inner])
      return tf.matMul(a, b, false, true)
    }
    expect(relativeError(await on('webgpu', product), await on('cpu', product))).toBeLessThan(1e-4)
  })
})
