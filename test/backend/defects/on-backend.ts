import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import * as tf from '@tensorflow/tfjs'

export interface Values {
  shape: number[]
  data: Float32Array
}

/** Runs `compute` on `backend` and reads what it returns. */
export async function on(backend: string, compute: () => tf.Tensor): Promise<Values> {
  await tf.setBackend(backend)
  const before = tf.memory().numTensors
  const result = tf.tidy(compute)
  const data = Float32Array.from(await result.data())
  const { shape } = result
  result.dispose()
  if (tf.memory().numTensors !== before)
    throw new Error(`${backend} left ${tf.memory().numTensors - before} tensors behind`)
  return { shape, data }
}

/** Makes tfjs's own wasm backend current, without any of our workarounds. */
export async function useRawWasm(): Promise<void> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
  setWasmPaths(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')) + sep)
  await tf.setBackend('wasm')
}

/** Largest absolute difference relative to the largest absolute value expected. */
export function relativeError(found: Values, expected: Values): number {
  if (`${found.shape}` !== `${expected.shape}`) throw new Error(`expected shape ${expected.shape}, got ${found.shape}`)
  const scale = expected.data.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
  return found.data.reduce((m, v, i) => Math.max(m, Math.abs(v - expected.data[i]!)), 0) / scale
}

/** Fixed values without structure, in about [-1, 1]. */
export function noise(shape: number[], seed = 1): tf.Tensor4D {
  const size = shape.reduce((a, b) => a * b, 1)
  const data = Float32Array.from({ length: size }, (_, i) => Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453)
  const values = data.map(v => 2 * (v - Math.floor(v)) - 1)
  return tf.tensor(values, shape as [number, number, number, number]) as tf.Tensor4D
}
