/**
 * Where PyTorch's layout and ours differ: a convolution's filter is [out, in, kh, kw] in a checkpoint and
 * [kh, kw, in, out] at run time. Everything else stays as it is. Rank 4 means convolution: no network here has another
 * parameter of four dimensions.
 */
import type * as tf from '@tensorflow/tfjs'

/** Parameter name -> shape, both as in the PyTorch checkpoint: convolutions [out, in, kh, kw], linear [out, in]. */
export type Shapes = Readonly<Record<string, readonly number[]>>

/** Parameter name -> tensor in runtime layout: convolutions [kh, kw, in, out], everything else as in the checkpoint. */
export type Weights = Readonly<Record<string, tf.Tensor>>

/** A parameter in one of the two layouts, row-major. */
export interface Laid {
  shape: number[]
  data: Float32Array
}

/** The shape at run time of a parameter with this shape in the checkpoint. */
export function runtimeShape(shape: readonly number[]): number[] {
  if (shape.length !== 4) return [...shape]
  const [outputs, inputs, height, width] = shape as [number, number, number, number]
  return [height, width, inputs, outputs]
}

/** The shape in the checkpoint of a parameter with this shape at run time. */
export function checkpointShape(shape: readonly number[]): number[] {
  if (shape.length !== 4) return [...shape]
  const [height, width, inputs, outputs] = shape as [number, number, number, number]
  return [outputs, inputs, height, width]
}

/** A parameter as in the checkpoint -> as at run time. */
export function toRuntime(shape: readonly number[], data: Float32Array): Laid {
  if (shape.length !== 4) return { shape: [...shape], data }
  const [outputs, inputs, height, width] = shape as [number, number, number, number]
  const area = height * width
  const laid = new Float32Array(data.length)
  let to = 0
  for (let k = 0; k < area; k++)
    for (let i = 0; i < inputs; i++) for (let o = 0; o < outputs; o++) laid[to++] = data[(o * inputs + i) * area + k]!
  return { shape: runtimeShape(shape), data: laid }
}

/** A parameter as at run time -> as in the checkpoint. */
export function toCheckpoint(shape: readonly number[], data: Float32Array): Laid {
  if (shape.length !== 4) return { shape: [...shape], data }
  const [height, width, inputs, outputs] = shape as [number, number, number, number]
  const area = height * width
  const laid = new Float32Array(data.length)
  let to = 0
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++) for (let k = 0; k < area; k++) laid[to++] = data[(k * inputs + i) * outputs + o]!
  return { shape: checkpointShape(shape), data: laid }
}
