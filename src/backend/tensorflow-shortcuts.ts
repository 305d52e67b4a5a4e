/**
 * Kernels of tfjs-node by a shorter way. A step of a small network is thousands of operations, and much of its time is what
 * each of them costs besides arithmetic: shapes and axes made into tensors again and again, reshapes to the shape that is
 * there already, casts from float32 to float32.
 */
import * as tf from '@tensorflow/tfjs'
import { type ConvAttributes, overrideKernel } from './defects/override.ts'
import type { Attribute, Handle, NodeBackend } from './raw-ops.ts'

const backendName = 'tensorflow'

/** Replaces kernels of the `tensorflow` backend, which must be loaded. */
export function registerShortcuts(): void {
  const { binding } = tf.findBackend(backendName) as unknown as NodeBackend
  const integers = constants(binding)
  const type = (name: string, value: number): Attribute => ({ name, type: binding.TF_ATTR_TYPE!, value })
  const float = type('T', binding.TF_FLOAT!)

  const reshape = tf.getKernel('Reshape', backendName).kernelFunc
  overrideKernel<{ x: tf.TensorInfo }, { shape: number[] }>('Reshape', backendName, ({ x }, { shape }, instance) => {
    const backend = instance as NodeBackend
    if (tf.util.arraysEqual(x.shape, shape)) {
      backend.incRef(x.dataId)
      return { dataId: x.dataId, shape: x.shape, dtype: x.dtype }
    }
    if (x.dtype !== 'float32') return reshape({ inputs: { x }, attrs: { shape }, backend }) as tf.TensorInfo
    return run(backend, 'Reshape', [float, type('Tshape', binding.TF_INT32!)], x, integers(shape))
  })

  const cast = tf.getKernel('Cast', backendName).kernelFunc
  overrideKernel<{ x: tf.TensorInfo }, { dtype: tf.DataType }>('Cast', backendName, ({ x }, { dtype }, instance) => {
    if (x.dtype !== dtype)
      return cast({ inputs: { x }, attrs: { dtype }, backend: instance as object }) as tf.TensorInfo
    ;(instance as NodeBackend).incRef(x.dataId)
    return { dataId: x.dataId, shape: x.shape, dtype }
  })

  // The gradient of every relu: tfjs-node makes it of seven operations.
  const step = tf.getKernel('Step', backendName).kernelFunc
  overrideKernel<{ x: tf.TensorInfo }, { alpha: number }>('Step', backendName, ({ x }, { alpha }, instance) => {
    if (alpha !== 0) return step({ inputs: { x }, attrs: { alpha }, backend: instance as object }) as tf.TensorInfo
    return tf.tidy(() => tf.sign(tf.relu(x as tf.Tensor)))
  })

  for (const name of ['Sum', 'Mean']) {
    const original = tf.getKernel(name, backendName).kernelFunc
    type Attributes = { axis: number | number[]; keepDims?: boolean }
    overrideKernel<{ x: tf.TensorInfo }, Attributes>(
      name,
      backendName,
      ({ x }, { axis, keepDims = false }, instance) => {
        const backend = instance as NodeBackend
        if (x.dtype !== 'float32')
          return original({ inputs: { x }, attrs: { axis, keepDims }, backend }) as tf.TensorInfo
        const axes = tf.util.parseAxisParam(axis, x.shape)
        // A sum down to the last axis is up to ten times faster as the gradient of a bias.
        const downToLast = axes.length > 0 && axes.length === x.shape.length - 1 && axes.every((a, i) => a === i)
        if (name === 'Sum' && downToLast && !keepDims) {
          const format = { name: 'data_format', type: binding.TF_ATTR_STRING!, value: 'NHWC' }
          return run(backend, 'BiasAddGrad', [float, format], x)
        }
        const keep = { name: 'keep_dims', type: binding.TF_ATTR_BOOL!, value: keepDims }
        return run(backend, name, [keep, float, type('Tidx', binding.TF_INT32!)], x, integers(axes))
      },
    )
  }

  // tfjs-node's own goes past the kernel of Conv2D, and so past what replaces that. Nothing is lost: it fuses nothing.
  const fused = tf.getKernel('FusedConv2D', backendName).kernelFunc
  type Fused = { x: tf.Tensor4D; filter: tf.Tensor4D; bias?: tf.Tensor }
  overrideKernel<Fused, ConvAttributes & { activation?: string }>(
    'FusedConv2D',
    backendName,
    ({ x, filter, bias }, attributes, backend) => {
      const { activation = 'linear', ...convolution } = attributes
      if (activation !== 'linear' || !bias)
        return fused({ inputs: { x, filter, bias }, attrs: attributes, backend } as never) as tf.TensorInfo
      return tf.tidy(() => {
        const y = tf.engine().runKernel(tf.Conv2D, { x, filter }, convolution as object as tf.NamedAttrMap)
        return tf.add(y as tf.Tensor, bias)
      })
    },
  )
}

function run(
  backend: NodeBackend,
  op: string,
  attributes: Attribute[],
  x: tf.TensorInfo,
  ...constants: Handle[]
): tf.TensorInfo {
  const inputs = [...backend.getInputTensorIds([x]), ...constants]
  return backend.createOutputTensor(backend.binding.executeOp(op, attributes, inputs, 1)[0]!)
}

/** Vectors of int32 inside the binding, each made once and kept: shapes and axes come again at every step. */
function constants(binding: NodeBackend['binding']): (values: readonly number[]) => Handle {
  const known = new Map<string, Handle>()
  return values => {
    const key = values.join()
    const handle = known.get(key) ?? binding.createTensor([values.length], binding.TF_INT32!, Int32Array.from(values))
    known.set(key, handle)
    return handle
  }
}
