/**
 * The webgpu backend's product for long inner dimensions (from 2,000 on, few outputs) misreads a transposed second matrix:
 * every number is wrong and nothing is said. The matrix is transposed before it.
 */
import * as tf from '@tensorflow/tfjs'
import { overrideKernel } from './override.ts'

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
