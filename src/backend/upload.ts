import * as tf from '@tensorflow/tfjs'
import type { NodeBackend } from './raw-ops.ts'

/**
 * Hands a tensor's values to the backend now. tfjs-node keeps them in JavaScript until an operation first reads the tensor,
 * so that weights which were all loaded before are there twice for a while: 7 GB instead of 3.5 for Stable Diffusion's.
 */
export function upload<T extends tf.Tensor>(tensor: T): T {
  const { getInputTensorIds } = tf.backend() as Partial<NodeBackend>
  getInputTensorIds?.call(tf.backend(), [tensor])
  return tensor
}
