/**
 * A tfjs backend that computes nothing: tensors have shapes and no values. What runs on it is the program itself, networks,
 * gradients and samplers, and tfjs's own bookkeeping of what is freed when, so that nothing has to be kept in step with it
 * by hand.
 */
import * as tf from '@tensorflow/tfjs'
import { replacedByBf16 } from '../backend/bf16.ts'
import { standFor } from '../backend/fused.ts'
import type { BackendName } from '../backend/names.ts'
import { fusedRules, type Outline, type Rule, rules } from './shape-rules.ts'

interface Entry {
  readonly size: number
  readonly dtype: tf.DataType
  references: number
}

/** What was counted of a part of a program. */
export interface Count {
  /** Floating-point operations of convolutions and matrix products. */
  readonly flops: number
  /** Operations of all kinds. */
  readonly kernels: number
  /** Bytes of tensors, the most there were at once. */
  readonly peakBytes: number
}

class ShapeBackend extends tf.KernelBackend {
  flops = 0
  kernels = 0
  private bytes = 0
  private peakBytes = 0
  private readonly entries = new Map<object, Entry>()

  /** What was counted since the last time. */
  takeCount(): Count {
    const { flops, kernels, peakBytes } = this
    this.flops = 0
    this.kernels = 0
    this.peakBytes = this.bytes
    return { flops, kernels, peakBytes }
  }

  /** A new tensor's place. */
  allocate({ shape, dtype }: Outline): tf.TensorInfo {
    const dataId = {}
    this.add(dataId, tf.util.sizeFromShape([...shape]), dtype, 1)
    return { dataId, shape: [...shape], dtype }
  }

  private add(dataId: object, size: number, dtype: tf.DataType, references: number): void {
    this.entries.set(dataId, { size, dtype, references })
    this.bytes += size * tf.util.bytesPerElement(dtype)
    this.peakBytes = Math.max(this.peakBytes, this.bytes)
  }

  override write(_values: unknown, shape: number[], dtype: tf.DataType): object {
    return this.allocate({ shape, dtype }).dataId
  }
  override move(dataId: object, _values: unknown, shape: number[], dtype: tf.DataType, references: number): void {
    this.add(dataId, tf.util.sizeFromShape(shape), dtype, references)
  }
  override disposeData(dataId: object, force = false): boolean {
    const entry = this.entries.get(dataId)
    if (!entry) return true
    entry.references--
    if (entry.references > 0 && !force) return false
    this.entries.delete(dataId)
    this.bytes -= entry.size * tf.util.bytesPerElement(entry.dtype)
    return true
  }
  override refCount(dataId: object): number {
    return this.entries.get(dataId)?.references ?? 0
  }
  override incRef(dataId: object): void {
    this.entries.get(dataId)!.references++
  }
  override numDataIds(): number {
    return this.entries.size
  }
  /** Zeros. */
  override readSync(dataId: object): tf.backend_util.TypedArray {
    const { size, dtype } = this.entries.get(dataId)!
    return tf.util.makeZerosTypedArray(size, dtype as 'float32')
  }
  override async read(dataId: object): Promise<tf.backend_util.TypedArray> {
    return this.readSync(dataId)
  }
  override floatPrecision(): 16 | 32 {
    return 32
  }
  override epsilon(): number {
    return 1e-7
  }
  override memory() {
    return { unreliable: false }
  }
  override timerAvailable(): boolean {
    return false
  }
  override dispose(): void {
    this.entries.clear()
  }
}

/** Kernels that give one tensor in a list. */
const listed = new Set(['SplitV', 'Unpack', ...Object.keys(fusedRules)])

/** One kernel for each rule; tfjs refuses the others by name. */
function registerKernels(backendName: string, rules: Readonly<Record<string, Rule>>): void {
  for (const [kernelName, rule] of Object.entries(rules)) {
    if (tf.getKernel(kernelName, backendName)) return
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc({ inputs, attrs, backend }) {
        const shapes = backend as ShapeBackend
        const given = Object.fromEntries(Object.entries(inputs).filter(([, input]) => input)) as Record<
          string,
          tf.TensorInfo
        >
        const { outputs, flops, view } = rule(given, attrs)
        shapes.kernels++
        shapes.flops += flops
        if (view !== undefined) {
          const { dataId } = given[view]!
          shapes.incRef(dataId)
          return { dataId, shape: [...outputs[0]!.shape], dtype: outputs[0]!.dtype }
        }
        const infos = outputs.map(outline => shapes.allocate(outline))
        return listed.has(kernelName) ? infos : infos[0]!
      },
    })
  }
}

/** A tensor of the backend in use without values, which must be the one of `countedRun`. */
export function outline<T extends tf.Tensor = tf.Tensor>(shape: readonly number[], dtype: tf.DataType = 'float32'): T {
  const info = (tf.backend() as ShapeBackend).allocate({ shape, dtype })
  return tf.engine().makeTensorFromTensorInfo(info) as T
}

export interface CountOptions {
  /** The backend that is planned for, where it has fused kernels. */
  readonly fused?: BackendName | undefined
  /** Whether it computes in bf16, which sets some of them aside. */
  readonly bf16?: boolean
}

/** Told that a part of a program is done, under that name. */
export type EndStage = (name: string) => void

/**
 * Runs `program` without computing: every value that it reads is zero.
 * @param program may use `outline` for inputs and weights; whatever tensors it leaves are gone afterwards
 * @returns the counts of its parts, in order
 * @throws Error naming an operation without a rule
 */
export async function countedRun(
  program: (endStage: EndStage) => void | Promise<void>,
  { fused, bf16 = false }: CountOptions = {},
): Promise<Map<string, Count>> {
  const ofFused = Object.entries(fused ? fusedRules : {}).filter(([name]) => !(bf16 && replacedByBf16.includes(name)))
  const name = ofFused.length > 0 ? `shapes-${ofFused.length}-fused` : 'shapes'
  registerKernels(name, { ...rules, ...Object.fromEntries(ofFused) })
  const before = tf.engine().backendName ? tf.getBackend() : undefined
  const backend = new ShapeBackend()
  const stages = new Map<string, Count>()
  tf.registerBackend(name, () => backend)
  tf.setBackend(name)
  tf.engine().startScope()
  standFor(fused)
  try {
    await program(stage => stages.set(stage, backend.takeCount()))
    return stages
  } finally {
    standFor()
    tf.engine().endScope()
    if (before) tf.setBackend(before)
    tf.removeBackend(name)
  }
}
