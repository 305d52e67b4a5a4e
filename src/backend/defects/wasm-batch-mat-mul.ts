/**
 * The wasm backend multiplies by XNNPACK only when there is one pair of matrices and none is transposed; everything else
 * goes through a scalar triple loop, many times slower. All linear layers here transpose their weight, attention is
 * batched, and the gradient of any product transposes. So transposes are made explicit and batches taken one by one; what
 * may be a weight is transposed once.
 */
import * as tf from '@tensorflow/tfjs'
import type { WasmBackend } from '../web-assembly.ts'
import { overrideKernel } from './override.ts'
import { derived } from './wasm-derived.ts'

type Inputs = { a: tf.Tensor; b: tf.Tensor }
type Attributes = { transposeA: boolean; transposeB: boolean }

/** Below this many multiplications a pair, or for this few rows, the copies cost more than they save. */
const smallProduct = 4096
const fewRows = 2

export function registerBatchMatMul(): void {
  const original = tf.getKernel('BatchMatMul', 'wasm')!.kernelFunc
  overrideKernel<Inputs, Attributes>('BatchMatMul', 'wasm', ({ a, b }, { transposeA, transposeB }, backend) => {
    const multiply = (b: tf.TensorInfo, transposeB: boolean) =>
      original({ inputs: { a, b }, attrs: { transposeA, transposeB }, backend: backend as object }) as tf.TensorInfo
    const [rows, inner] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!]
    const columns = transposeB ? b.shape.at(-2)! : b.shape.at(-1)!
    const batch = tf.util.sizeFromShape(a.shape.slice(0, -2))
    const sameBatch = `${a.shape.slice(0, -2)}` === `${b.shape.slice(0, -2)}`
    const isPlain = batch === 1 && !transposeA && !transposeB
    if (isPlain || !sameBatch || rows <= fewRows || rows * inner * columns < smallProduct)
      return multiply(b, transposeB)
    if (batch === 1 && !transposeA) return multiply(upright(b, backend as WasmBackend), false)

    return tf.tidy(() => {
      const left = pairs(a, batch, transposeA)
      const right = pairs(b, batch, transposeB)
      const products = left.map((matrix, i) => tf.matMul(matrix, right[i]!))
      return tf.reshape(tf.concat(products, 0), [...a.shape.slice(0, -2), rows, columns])
    })
  })
}

/** The only matrix of a batch, transposed. */
function upright(matrix: tf.Tensor, backend: WasmBackend): tf.TensorInfo {
  const [height, width] = matrix.shape.slice(-2) as [number, number]
  const { dtype } = matrix
  const shape = [...matrix.shape.slice(0, -2), width, height]
  // A single row or column has its values in the same order.
  if (Math.min(height, width) === 1) return { dataId: matrix.dataId, dtype, shape }
  return derived(backend, matrix, 'transposed', () => {
    const inputs = { x: { dataId: matrix.dataId, dtype, shape: [height, width] } }
    const transpose = tf.getKernel('Transpose', 'wasm')!.kernelFunc
    const { dataId } = transpose({ inputs, attrs: { perm: [1, 0] }, backend }) as tf.TensorInfo
    return { dataId, dtype, shape }
  })
}

/** The matrices of a batch, transposed where asked. */
function pairs(x: tf.Tensor, batch: number, transposed: boolean): tf.Tensor2D[] {
  const [height, width] = x.shape.slice(-2) as [number, number]
  const all = tf.reshape(x, [batch, height, width])
  const upright = transposed ? tf.transpose(all, [0, 2, 1]) : all
  const shape = upright.shape.slice(1) as [number, number]
  if (batch === 1) return [tf.reshape(upright, shape)]
  return tf.split(upright, batch, 0).map(matrix => tf.reshape(matrix, shape))
}
