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

// The webgpu backend's product for long inner dimensions (from 2,000 on, few outputs) misreads a transposed second matrix:
// every number is wrong and nothing is said. The matrix is transposed before it.

type Inputs = { a: tf.Tensor3D; b: tf.Tensor3D }
type Attributes = { transposeA: boolean; transposeB: boolean }

/** Where the backend changes to that product. */
const longInner = 2000

export function registerMatMul(): void {
  const builtIn = tf.getKernel('BatchMatMul', 'webgpu').kernelFunc
  overrideKernel<Inputs, Attributes>('BatchMatMul', 'webgpu', ({ a, b }, attrs, backend) => {
    const run = (inputs: Inputs, attributes: Attributes) =>
      builtIn({ inputs, attrs: { ...attributes }, backend: backend as object }) as tf.TensorInfo
    if (!attrs.transposeB || b.shape.at(-1)! < longInner) return run({ a, b }, attrs)
    const axes = b.shape.map((_, i) => i)
    const turned = tf.transpose(b, [...axes.slice(0, -2), axes.length - 1, axes.length - 2])
    const product = run({ a, b: turned }, { ...attrs, transposeB: false })
    turned.dispose()
    return product
  })
}
