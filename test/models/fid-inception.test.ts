import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { type FidResizeName, fidInput, fidResizes } from '../../src/models/fid-inception.ts'
import { usableBackends } from './backends.ts'

// The network and what the resizes make of real pictures are golden numbers, in test/parity.test.ts.
describe.each(usableBackends)('the input of FID on %s', backend => {
  it.each(Object.keys(fidResizes) as FidResizeName[])('has the range of %s', async resize => {
    await useBackend(backend)
    const before = tf.memory().numTensors
    const black = tf.fill([1, 20, 30, 3], -1) as tf.Tensor4D
    const white = tf.ones([1, 20, 30, 3]) as tf.Tensor4D
    const [low, high] = [fidInput(black, resize), fidInput(white, resize)]
    expect(low.shape).toEqual([1, 299, 299, 3])
    const expected = resize === 'pytorch-fid' ? [-1, 1] : [-1, 127 / 128]
    expect([(await low.data())[0], (await high.data()).at(-1)]).toEqual(expected.map(v => expect.closeTo(v, 5)))
    tf.dispose([black, white, low, high])
    expect(tf.memory().numTensors).toBe(before)
  })

  it('begins at the first pixel as TensorFlow 1 does, or half a pixel before it as PyTorch does', async () => {
    await useBackend(backend)
    // A ramp of 23 pixels: 13 outputs an input.
    const ramp = tf.tidy(() => tf.tile(tf.reshape(tf.linspace(-1, 1, 23), [1, 1, 23, 1]), [1, 23, 1, 3])) as tf.Tensor4D
    const first = async (resize: FidResizeName) => {
      const { zero, scale } = fidResizes[resize]
      const input = fidInput(ramp, resize)
      const values = (await input.data()).slice(0, 3 * 299).filter((_, i) => i % 3 === 0)
      input.dispose()
      // In pixels of the ramp.
      return Array.from(values, value => ((value * scale + zero) / 255) * 22)
    }
    const [tensorflow, torch] = [await first('torch-fidelity'), await first('pytorch-fid')]
    expect(tensorflow[13]).toBeCloseTo(1, 3)
    expect(tensorflow.at(-1)).toBeCloseTo(22, 3)
    expect(torch[6]).toBeCloseTo(0, 3)
    expect(torch[13 + 6]).toBeCloseTo(1, 3)
    ramp.dispose()
  })
})
