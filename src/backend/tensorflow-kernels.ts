/** The fused kernels of the `tensorflow` backend: native/tensorflow.cc, which `npm run native` compiles. */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { type FusedName, fusedKernels, registeredName, registerMaxPoolGradient } from './fused.ts'
import type { NodeBackend } from './raw-ops.ts'

/** Where the compiled kernels are, within the package of tfjs-node. The number is that of their set: others are not loaded. */
export const kernelsPath = 'lib/napi-v8/diff_privacy_kernels_7.node'

/** Of the files beside the compiled kernels, those that are sets of another number: nothing loads them any more. */
export const supersededKernels = (files: readonly string[]): string[] =>
  files.filter(file => /^diff_privacy_kernels.*\.node$/.test(file) && file !== basename(kernelsPath))

/**
 * Loads and registers the kernels; nothing happens where they are not compiled or a GPU computes.
 * @param path of the compiled file
 */
export function registerFusedKernels(path: string): void {
  const { isUsingGpuDevice, binding } = tf.findBackend('tensorflow') as unknown as NodeBackend
  if (isUsingGpuDevice || !existsSync(path)) return
  // Cores that wait for work would take it from the library's own threads.
  process.env.OMP_WAIT_POLICY ??= 'passive'
  // An addon that exports nothing: being loaded, it registers its operations with the library.
  process.dlopen({ exports: {} }, path)
  for (const name of Object.keys(fusedKernels) as FusedName[]) {
    const { inputs: order, attributes, outputs } = fusedKernels[name]
    const types = Object.entries(attributes).map(([key, type]) => [key, binding[`TF_ATTR_${type}`]!] as const)
    const registered = registeredName(name)
    tf.registerKernel({
      kernelName: registered,
      backendName: 'tensorflow',
      kernelFunc({ inputs, attrs, backend }) {
        const node = backend as NodeBackend
        const attributes = types.map(([key, type]) => ({ name: key, type, value: attrs![key] }))
        const handles = node.getInputTensorIds(order.map(input => inputs[input]!))
        const results = binding.executeOp(registered, attributes, handles, outputs)
        return results.map(result => node.createOutputTensor(result))
      },
    })
  }
  registerMaxPoolGradient('tensorflow')
}
