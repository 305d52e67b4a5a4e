import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { disableBf16, enableBf16, hasBf16Instructions } from '../../src/backend/bf16.ts'
import { availableBackends, useBackend } from '../../src/backend/index.ts'

const native = (await availableBackends()).find(b => b.name === 'tensorflow')!
const possible = native.usable && hasBf16Instructions()
if (!possible)
  console.log(`bf16 kernels are not run: ${native.usable ? 'the CPU has no bf16 instructions' : native.reason}`)

/** Sizes above the threshold from which bf16 is used: a stem, a strided, an explicitly padded, a 1x1 and a matMul. */
const x = () => tf.randomNormal([16, 16, 16, 64], 0, 1, 'float32', 1) as tf.Tensor4D
const parameters = () => [
  tf.randomNormal([3, 3, 64, 96], 0, 0.04, 'float32', 2),
  tf.randomNormal([3, 3, 96, 192], 0, 0.03, 'float32', 3),
  tf.randomNormal([1, 1, 96, 256], 0, 0.1, 'float32', 4),
  tf.randomNormal([256, 256], 0, 0.06, 'float32', 5),
]

function loss(x: tf.Tensor4D, [a, b, c, d]: tf.Tensor[]): tf.Scalar {
  const h = tf.conv2d(x, a as tf.Tensor4D, 1, 'same') as tf.Tensor4D // [16, 16, 16, 96]
  const strided = tf.conv2d(
    tf.pad(h, [
      [0, 0],
      [0, 1],
      [0, 1],
      [0, 0],
    ]) as tf.Tensor4D,
    b as tf.Tensor4D,
    2,
    'valid',
  ) // [16, 8, 8, 192]
  const pointwise = tf.conv2d(tf.sigmoid(h) as tf.Tensor4D, c as tf.Tensor4D, 1, 'same')
  const product = tf.matMul(tf.reshape(pointwise, [-1, 256]), d as tf.Tensor2D, false, true)
  return tf.add(tf.mean(tf.square(strided)), tf.mean(tf.square(product))) as tf.Scalar
}

const gradients = async (): Promise<Float32Array[]> => {
  const results = tf.tidy(() => tf.grads((x, ...rest) => loss(x as tf.Tensor4D, rest))([x(), ...parameters()]))
  const values = await Promise.all(results.map(t => t.data() as Promise<Float32Array>))
  tf.dispose(results)
  return values
}

const relativeError = (found: Float32Array, expected: Float32Array): number => {
  let difference = 0
  let norm = 0
  expected.forEach((e, i) => {
    difference += (found[i]! - e) ** 2
    norm += e ** 2
  })
  return Math.sqrt(difference / norm)
}

describe('hasBf16Instructions', () => {
  it('reads the flags of the CPU', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'cpuinfo-')), 'cpuinfo')
    writeFileSync(file, 'flags : fpu avx512f avx512_bf16 sse\n')
    expect(hasBf16Instructions(file)).toBe(true)
    writeFileSync(file, 'flags : fpu avx512f sse\n')
    expect(hasBf16Instructions(file)).toBe(false)
    expect(hasBf16Instructions(`${file}.absent`)).toBe(false)
  })
})

describe('enableBf16', () => {
  it('changes nothing on another backend', async () => {
    await useBackend('cpu')
    expect(enableBf16()).toBe(false)
  })
})

describe.runIf(possible)('bf16 kernels', () => {
  beforeAll(async () => {
    await useBackend('tensorflow')
  })
  afterEach(disableBf16)

  it('give gradients within bf16 tolerance, and exactly the float32 ones after disabling', async () => {
    const exact = await gradients()
    expect(enableBf16()).toBe(true)
    const rounded = await gradients()
    disableBf16()
    const again = await gradients()
    exact.forEach((e, i) => {
      const error = relativeError(rounded[i]!, e)
      expect(error).toBeGreaterThan(1e-5) // bf16 did run
      expect(error).toBeLessThan(0.02)
      expect(relativeError(again[i]!, e)).toBeLessThan(1e-6)
    })
  })

  it('frees every raw tensor', () => {
    enableBf16()
    const image = x()
    const weights = parameters()
    const backend = tf.backend() as unknown as { binding: Record<string, (...args: unknown[]) => unknown> }
    const { binding } = backend
    const live = new Set<unknown>()
    const counted = {
      executeOp: (...args: unknown[]) => {
        const outputs = binding.executeOp!(...args) as { id: number }[]
        for (const { id } of outputs) live.add(id)
        return outputs
      },
      createTensor: (...args: unknown[]) => {
        const id = binding.createTensor!(...args)
        live.add(id)
        return id
      },
      deleteTensor: (id: unknown) => {
        live.delete(id)
        return binding.deleteTensor!(id)
      },
    }
    backend.binding = new Proxy({} as typeof binding, {
      get: (_, name) => Reflect.get(name in counted ? counted : binding, name),
    })
    try {
      const run = () =>
        tf.tidy(() => tf.dispose(tf.grads((x, ...rest) => loss(x as tf.Tensor4D, rest))([image, ...weights])))
      run()
      const before = live.size
      run()
      expect(live.size).toBe(before)
    } finally {
      backend.binding = binding
    }
  })
})
