/**
 * The wasm backend copies a tensor to clone it, and every gradient saves clones of what it reads: of all weights, in every
 * step. As on the other backends, a clone shares its values.
 */
import type * as tf from '@tensorflow/tfjs'
import type { WasmBackend } from '../web-assembly.ts'
import { overrideKernel } from './override.ts'

export function registerIdentity(): void {
  overrideKernel<{ x: tf.Tensor }, object>('Identity', 'wasm', ({ x: { dataId, shape, dtype } }, _, backend) => {
    ;(backend as WasmBackend).incRef(dataId)
    return { dataId, shape, dtype }
  })
}
