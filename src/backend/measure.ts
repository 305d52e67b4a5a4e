/**
 * Speed of one backend, in GFLOP/s. Run as a program with the backend's name it prints a `Measurement` as JSON: a
 * backend is measured in a process of its own, since a process holds one TensorFlow library.
 */
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs'
import { disableBf16, enableBf16 } from './bf16.ts'
import { releaseBackend, useBackend } from './index.ts'

export interface Measurement {
  /** 3x3 convolution of [8, 16, 16, 96] to 96 channels, GFLOP/s. */
  convolution: number
  /** Product of two 512 x 512 matrices, GFLOP/s. */
  product: number
  /** The same two with bf16, where the CPU has the instructions. */
  bf16?: { convolution: number; product: number }
  /** The library behind the backend, where it tells. */
  library?: string
  /** Largest single tensor in bytes, where the backend tells. */
  largestTensor?: number
}

/** Measures the backend in use for about a second. */
export async function measure(): Promise<Measurement> {
  const speeds = async () => ({ convolution: await convolution(), product: await product() })
  const plain = await speeds()
  const bf16 = enableBf16() ? await speeds() : undefined
  disableBf16()
  const { binding, device } = tf.backend() as unknown as {
    binding?: { TF_Version: string }
    device?: { limits: { maxStorageBufferBindingSize: number } }
  }
  return {
    ...plain,
    bf16,
    library: binding && `libtensorflow ${binding.TF_Version}`,
    largestTensor: device?.limits.maxStorageBufferBindingSize,
  }
}

async function convolution(): Promise<number> {
  const [n, size, channels] = [8, 16, 96]
  const x = tf.randomNormal([n, size, size, channels]) as tf.Tensor4D
  const filter = tf.randomNormal([3, 3, channels, channels]) as tf.Tensor4D
  const seconds = await fastest(() => tf.conv2d(x, filter, 1, 'same'))
  tf.dispose([x, filter])
  return (2 * n * size * size * 9 * channels * channels) / seconds / 1e9
}

async function product(): Promise<number> {
  const side = 512
  const [a, b] = [tf.randomNormal([side, side]), tf.randomNormal([side, side])]
  const seconds = await fastest(() => tf.matMul(a, b))
  tf.dispose([a, b])
  return (2 * side ** 3) / seconds / 1e9
}

/** Seconds of the fastest of the runs that fit in a quarter of a second, after one to warm up. */
async function fastest(compute: () => tf.Tensor): Promise<number> {
  const once = async () => {
    const start = performance.now()
    const y = compute()
    await y.data()
    y.dispose()
    return (performance.now() - start) / 1e3
  }
  await once()
  let best = Number.POSITIVE_INFINITY
  const end = performance.now() + 250
  do best = Math.min(best, await once())
  while (performance.now() < end)
  return best
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await useBackend(process.argv[2])
  console.log(JSON.stringify(await measure()))
  await releaseBackend()
}
