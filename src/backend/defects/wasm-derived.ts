/**
 * What is made of a tensor's values once and kept as long as they are: a frozen filter turned for its gradient, a weight
 * transposed. XNNPACK packs the second operand of a convolution or product when it first meets it, which for a tensor made
 * anew in each step would be each time.
 */
import type * as tf from '@tensorflow/tfjs'
import type { WasmBackend } from '../web-assembly.ts'

type DataId = tf.TensorInfo['dataId']

/** Of values, by what is made of them and the shapes in which they were seen. */
type Kept = Map<DataId, Map<string, tf.TensorInfo>>

const keptBy = new WeakMap<WasmBackend, Kept>()

/**
 * What `make` makes of `source`, made when it is first asked for. It goes with the source, and is not to be disposed of.
 * @param what is made, as opposed to what others make of the same values
 */
export function derived(
  backend: WasmBackend,
  source: tf.TensorInfo,
  what: string,
  make: () => tf.TensorInfo,
): tf.TensorInfo {
  const kept = keptBy.get(backend) ?? watch(backend)
  const ofSource = kept.get(source.dataId) ?? new Map<string, tf.TensorInfo>()
  const key = `${what} of ${source.shape.join()}`
  const made = ofSource.get(key) ?? make()
  kept.set(source.dataId, ofSource.set(key, made))
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
