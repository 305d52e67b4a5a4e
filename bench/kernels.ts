import * as tf from '@tensorflow/tfjs'
import { fusedRules, type Rule, rules } from '../src/plan/shape-rules.ts'

/** What a kernel took of a piece of work. */
export interface KernelTime {
  readonly kernel: string
  readonly calls: number
  /** Of the processor, its own: those of kernels that it calls are theirs. */
  readonly seconds: number
  /** Floating-point operations in its own multiplications, where it is mostly those, counted as plans count them. */
  readonly operations: number
}

/** Seconds that this process has had of the processor, all its threads together. */
export function processorSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const counted: Readonly<Record<string, Rule>> = { ...rules, ...fusedRules }

function operationsOf(kernel: string, { inputs, attrs }: Parameters<tf.KernelFunc>[0]): number {
  const given = Object.entries(inputs).filter(([, input]) => input) as [string, tf.TensorInfo][]
  return counted[kernel]?.(Object.fromEntries(given), attrs).flops ?? 0
}

/** Runs `work` once and tells what each kernel of the backend in use took of it, the longest first; their sum is not all. */
export function timeKernels(work: () => void): KernelTime[] {
  const backend = tf.getBackend()
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
      const operations = own.multiplied ? 0 : operationsOf(original.kernelName, args)
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
