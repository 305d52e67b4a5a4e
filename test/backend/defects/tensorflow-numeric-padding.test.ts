import { createRequire } from 'node:module'
import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { restoreNodeUtil } from '../../../src/backend/defects/node-util.ts'
import { registerNumericPadding } from '../../../src/backend/defects/tensorflow-numeric-padding.ts'
import { availableBackends } from '../../../src/backend/index.ts'
import { noise, on, relativeError } from './on-backend.ts'

const native = (await availableBackends()).find(b => b.name === 'tensorflow')!
if (!native.usable) console.log(`padding by numbers on tensorflow is not run: ${native.reason}`)

const paddings: (number | tf.backend_util.ExplicitPadding)[] = [
  1,
  2,
  [
    [0, 0],
    [1, 0],
    [0, 2],
    [0, 0],
  ],
]

const compute = (pad: (typeof paddings)[number], stride: number, which: 'y' | 'x' | 'filter') => () => {
  const [x, filter] = [noise([2, 8, 7, 3]), noise([3, 3, 3, 4], 2)]
  const convolve = (x: tf.Tensor, f: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, stride, pad)
  if (which === 'y') return convolve(x, filter)
  const loss = (y: tf.Tensor) => tf.sum(tf.mul(y, noise(y.shape, 3)))
  return which === 'x'
    ? tf.grad(x => loss(convolve(x, filter)))(x)
    : tf.grad(filter => loss(convolve(x, filter)))(filter)
}

describe.runIf(native.usable)('padding by numbers on tensorflow', () => {
  it('is refused by tfjs-node itself and right with the workaround', async () => {
    restoreNodeUtil()
    createRequire(import.meta.url)('@tensorflow/tfjs-node')
    await expect(on('tensorflow', compute(1, 1, 'y'))).rejects.toThrow(/supports only 'valid' and 'same'/)
    await expect(on('tensorflow', compute(paddings[2]!, 1, 'x'))).rejects.toThrow(/supports only 'valid' and 'same'/)
    registerNumericPadding()
    for (const pad of paddings)
      for (const stride of [1, 2])
        for (const which of ['y', 'x', 'filter'] as const) {
          const c = compute(pad, stride, which)
          expect(relativeError(await on('tensorflow', c), await on('cpu', c))).toBeLessThan(2e-6)
        }
  })
})
