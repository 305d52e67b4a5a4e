/** The gradient of max-pooling by the fused kernel. */
import * as tf from '@tensorflow/tfjs'
import { overrideKernel } from './defects/override.ts'
import { fused } from './fused.ts'
import type { BackendName } from './names.ts'

/** Has a backend use the fused kernel where it fits: its own takes several times as long. */
export function registerMaxPoolGradient(backend: BackendName): void {
  const { kernelFunc } = tf.getKernel('MaxPoolGrad', backend)
  type Inputs = { dy: tf.Tensor; input: tf.Tensor; output: tf.Tensor }
  type Attributes = { filterSize: number | [number, number]; strides: number | [number, number]; pad: unknown }
  overrideKernel<Inputs, Attributes>('MaxPoolGrad', backend, (inputs, attributes, instance) => {
    const [side, wide = side] = [attributes.filterSize].flat() as [number, number?]
    const [stride, across = stride] = [attributes.strides].flat() as [number, number?]
    const kernel = fused('MaxPoolGradient')
    if (kernel && attributes.pad === 'valid' && side === wide && stride === across)
      return kernel({ dy: inputs.dy, x: inputs.input }, { side, stride })[0]!
    return kernelFunc({ inputs, attrs: attributes as object, backend: instance as object } as never) as tf.TensorInfo
  })
}
