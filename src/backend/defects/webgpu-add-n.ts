/**
 * The webgpu backend's AddN binds every input at once. A shader may bind eight buffers by default, the result included:
 * from eight inputs on it computes nothing, says nothing, and returns what was in memory. Inputs are added in groups.
 */
import * as tf from '@tensorflow/tfjs'
import { overrideKernel } from './override.ts'

/** Inputs a shader adds; with the result one less than half of what it may bind. */
const groupSize = 4

export function registerAddN(): void {
  const builtIn = tf.getKernel('AddN', 'webgpu').kernelFunc
  overrideKernel<Record<string, tf.TensorInfo>, object>('AddN', 'webgpu', (inputs, _, backend) => {
    const addGroup = (group: tf.TensorInfo[]) =>
      builtIn({
        inputs: group as unknown as tf.NamedTensorInfoMap,
        attrs: {},
        backend: backend as object,
      }) as tf.TensorInfo
    const add = (tensors: tf.TensorInfo[]): tf.TensorInfo => {
      if (tensors.length <= groupSize) return addGroup(tensors)
      const groups = Array.from({ length: Math.ceil(tensors.length / groupSize) }, (_, i) =>
        tensors.slice(groupSize * i, groupSize * (i + 1)),
      )
      const sums = groups.map(addGroup)
      const total = add(sums)
      for (const sum of sums) (backend as { disposeData(id: object): void }).disposeData(sum.dataId)
      return total
    }
    return add(Object.values(inputs))
  })
}
