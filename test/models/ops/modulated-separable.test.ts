import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'
import { modulatedSeparable } from '../../../src/models/ops/depthwise.ts'
import { usableBackends } from '../backends.ts'

describe.each(['cpu' as const, ...usableBackends])('a modulated separable convolution on %s', backend => {
  it('is what its definition says, pixel by pixel', async () => {
    await useBackend(backend)
    const [n, h, w, c, o] = [2, 3, 4, 2, 3] as const
    const at = (seed: number, ...shape: number[]) => tf.randomNormal(shape, 0, 1, 'float32', seed)
    const [x, scale, depthwise, pointwise] = [at(1, n, h, w, c), at(2, n, c), at(3, 3, 3, c, 1), at(4, c, o)]
    const [noise, bias] = [at(5, 1, h, w, 1), at(6, o)]
    const of = (t: tf.Tensor) => t.dataSync()
    const [xs, scales, filter, weight, noises, biases] = [x, scale, depthwise, pointwise, noise, bias].map(of) as [
      ...Float32Array[],
    ]
    const expected: number[] = []
    for (let image = 0; image < n; image++)
      for (let row = 0; row < h; row++)
        for (let column = 0; column < w; column++) {
          const spatial = Array.from({ length: c }, (_, k) => {
            let sum = 0
            for (const [dy, dx] of [-1, 0, 1].flatMap(dy => [-1, 0, 1].map(dx => [dy, dx] as const))) {
              const [y, x] = [row + dy, column + dx]
              if (y < 0 || y >= h || x < 0 || x >= w) continue
              const value = xs![((image * h + y) * w + x) * c + k]! * scales![image * c + k]!
              sum += value * filter![((dy + 1) * 3 + dx + 1) * c + k]!
            }
            return sum
          })
          for (let j = 0; j < o; j++) {
            const mixed = spatial.reduce((sum, value, k) => sum + value * weight![k * o + j]!, 0)
            const y = mixed + noises![row * w + column]! + biases![j]!
            expected.push(y > 0 ? y : 0.2 * y)
          }
        }
    const weights = { depthwise, pointwise, noise, bias } as Parameters<typeof modulatedSeparable>[2]
    const found = of(modulatedSeparable(x as tf.Tensor4D, scale as tf.Tensor2D, weights))
    expect(found).toHaveLength(expected.length)
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 4)
    tf.dispose([x, scale, depthwise, pointwise, noise, bias])
  })
})
