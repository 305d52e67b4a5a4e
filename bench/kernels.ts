import * as tf from '@tensorflow/tfjs'
import { operationsOf } from './operations.ts'

/** What a kernel took of a piece of work. */
export interface KernelTime {
  readonly kernel: string
  readonly calls: number
  /** Of the processor, its own: those of kernels that it calls are theirs. */
  readonly seconds: number
  /** Floating-point operations in its own multiplications, where it is mostly those. */
  readonly operations: number
}

/** Seconds that this process has had of the processor, all its threads together. */
export function processorSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** Runs `work` once and tells what each kernel of `backend` took of it, the longest first; their sum is not all of it. */
export function timeKernels(backend: string, work: () => void): KernelTime[] {
  const times = new Map<string, { calls: number; seconds: number; operations: number }>()
  const running: { inner: number; multiplied: boolean }[] = []
  const originals = tf.getKernelsForBackend(backend)
  const replace = (config: tf.KernelConfig) => {
    tf.unregisterKernel(config.kernelName, backend)
    tf.registerKernel(config)
  }
  for (const original of originals) {
    const kernelFunc: tf.KernelFunc = args => {
      const own = { inner: 0, multiplied: false }
      running.push(own)
      const started = processorSeconds()
      const result = original.kernelFunc(args)
      const seconds = processorSeconds() - started
      running.pop()
      // What calls a kernel that multiplies does not do it itself.
      const operations = own.multiplied ? 0 : operationsOf(original.kernelName, args, result)
      const around = running.at(-1)
      if (around) {
        around.inner += seconds
        around.multiplied ||= own.multiplied || operations > 0
      }
      const time = times.get(original.kernelName) ?? { calls: 0, seconds: 0, operations: 0 }
      times.set(original.kernelName, {
        calls: time.calls + 1,
        seconds: time.seconds + seconds - own.inner,
        operations: time.operations + operations,
      })
      return result
    }
    replace({ ...original, kernelFunc })
  }
  try {
    work()
  } finally {
    originals.forEach(replace)
  }
  return [...times].map(([kernel, time]) => ({ kernel, ...time })).toSorted((p, q) => q.seconds - p.seconds)
}
