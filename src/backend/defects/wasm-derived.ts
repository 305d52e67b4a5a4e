/**
 * What is made of a tensor's values once and kept as long as they are: a frozen filter turned for its gradient, a weight
 * transposed. XNNPACK packs the second operand of a convolution or product when it first meets it, which for a tensor made
 * anew in each step would be each time.
 */
import type * as tf from '@tensorflow/tfjs'
import type { WasmBackend } from './wasm-heap.ts'

type DataId = tf.TensorInfo['dataId']

/** Of values, by the shapes in which they were seen. */
type Kept = Map<DataId, Map<string, tf.TensorInfo>>

const keptBy = new WeakMap<WasmBackend, Kept>()

/**
 * What `make` makes of `source`, made when it is first asked for. It goes with the source, and is not to be disposed of.
 * One caller makes it of matrices, and another of filters: their shapes differ.
 */
export function derived(backend: WasmBackend, source: tf.TensorInfo, make: () => tf.TensorInfo): tf.TensorInfo {
  const kept = keptBy.get(backend) ?? watch(backend)
  const ofSource = kept.get(source.dataId) ?? new Map<string, tf.TensorInfo>()
  const shape = source.shape.join()
  const made = ofSource.get(shape) ?? make()
  kept.set(source.dataId, ofSource.set(shape, made))
  return made
}

/** Has what is kept of values go with them. */
function watch(backend: WasmBackend): Kept {
  const kept: Kept = new Map()
  keptBy.set(backend, kept)
  const disposeData = backend.disposeData.bind(backend)
  backend.disposeData = (id, force) => {
    const areGone = disposeData(id, force)
    if (areGone) for (const made of kept.get(id)?.values() ?? []) disposeData(made.dataId, true)
    if (areGone) kept.delete(id)
    return areGone
  }
  return kept
}
