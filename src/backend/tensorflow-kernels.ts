/** The fused kernels of the `tensorflow` backend: native/kernels.cc, which `npm run native` compiles. */
import { existsSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { type FusedName, fusedKernels, registeredName } from './fused.ts'
import type { NodeBackend } from './raw-ops.ts'

/** Where the compiled kernels are, within the package of tfjs-node. The number is that of their set: others are not loaded. */
export const kernelsPath = 'lib/napi-v8/diff_privacy_kernels_2.node'

/**
 * Loads and registers the kernels; nothing happens where they are not compiled or a GPU computes.
 * @param path of the compiled file
 */
export function registerFusedKernels(path: string): void {
  const { isUsingGpuDevice } = tf.findBackend('tensorflow') as unknown as NodeBackend
  if (isUsingGpuDevice || !existsSync(path)) return
  // Cores that wait for work would take it from the library's own threads.
  process.env.OMP_WAIT_POLICY ??= 'passive'
  // An addon that exports nothing: being loaded, it registers its operations with the library.
  process.dlopen({ exports: {} }, path)
  for (const name of Object.keys(fusedKernels) as FusedName[]) {
    const { inputs: order, attributes: types, outputs } = fusedKernels[name]
    tf.registerKernel({
      kernelName: registeredName(name),
      backendName: 'tensorflow',
      kernelFunc({ inputs, attrs, backend }) {
        const node = backend as NodeBackend
        const attributes = Object.entries(types).map(([key, type]) => ({
          name: key,
          type: node.binding[`TF_ATTR_${type}`]!,
          value: attrs![key],
        }))
        const handles = node.getInputTensorIds(order.map(input => inputs[input]!))
        const results = node.binding.executeOp(registeredName(name), attributes, handles, outputs)
        return results.map(result => node.createOutputTensor(result))
      },
    })
  }
}
