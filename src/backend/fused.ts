/**
 * Operations that a backend may have in one kernel of its own, where tfjs has them only in pieces. Each has a name by which
 * a backend registers it with tfjs; a caller asks whether the backend in use has it, and else makes it of the pieces.
 */
import * as tf from '@tensorflow/tfjs'
import { overrideKernel } from './defects/override.ts'
import type { BackendName } from './names.ts'

/** For each kernel its inputs in order, the types of its attributes, and how many tensors it gives. */
export const fusedKernels = {
  GroupNorm: {
    inputs: ['x', 'weight', 'bias'],
    attributes: { groups: 'INT', epsilon: 'FLOAT', silu: 'BOOL' },
    outputs: 3,
  },
  GroupNormGradient: {
    inputs: ['dy', 'x', 'weight', 'bias', 'mean', 'inverse'],
    attributes: { groups: 'INT', epsilon: 'FLOAT', silu: 'BOOL' },
    outputs: 3,
  },
  LayerNorm: { inputs: ['x', 'weight', 'bias'], attributes: { epsilon: 'FLOAT' }, outputs: 3 },
  LayerNormGradient: { inputs: ['dy', 'x', 'weight', 'mean', 'inverse'], attributes: {}, outputs: 3 },
  GatedGelu: { inputs: ['x'], attributes: {}, outputs: 1 },
  GatedGeluGradient: { inputs: ['dy', 'x'], attributes: {}, outputs: 1 },
  /** `biased` and `added` say whether bias and addend count; where they do not, any tensor stands in. */
  Convolution: {
    inputs: ['x', 'filter', 'bias', 'addend'],
    attributes: { stride: 'INT', same: 'BOOL', relu: 'BOOL', biased: 'BOOL', added: 'BOOL' },
    outputs: 1,
  },
  /** With respect to the input; `relu` says that y was made by one. */
  ConvolutionGradient: {
    inputs: ['dy', 'filter', 'y'],
    attributes: { stride: 'INT', same: 'BOOL', relu: 'BOOL', height: 'INT', width: 'INT' },
    outputs: 1,
  },
  Affine: {
    inputs: ['x', 'weight', 'bias', 'addend'],
    attributes: { transposed: 'BOOL', biased: 'BOOL', added: 'BOOL' },
    outputs: 1,
  },
  Attention: { inputs: ['q', 'k', 'v'], attributes: { heads: 'INT', samples: 'INT' }, outputs: 1 },
  AttentionGradient: { inputs: ['dy', 'q', 'k', 'v'], attributes: { heads: 'INT', samples: 'INT' }, outputs: 3 },
  /** Of square windows without padding. */
  MaxPoolGradient: { inputs: ['dy', 'x'], attributes: { side: 'INT', stride: 'INT' }, outputs: 1 },
  /** Along an axis by a matrix [outputs, inputs] of few values beside one another; `transposed`: back, as its gradient. */
  Resample: { inputs: ['x', 'matrix'], attributes: { axis: 'INT', transposed: 'BOOL' }, outputs: 1 },
  ReluGradient: { inputs: ['dy', 'y'], attributes: {}, outputs: 1 },
  /** Its coefficients scaled by channel first; where they are not `scaled`, any tensor stands in. */
  InverseHaar: { inputs: ['x', 'scale'], attributes: { scaled: 'BOOL' }, outputs: 1 },
  /** With respect to x and scale, of those that were scaled. */
  InverseHaarGradient: { inputs: ['dy', 'x', 'scale'], attributes: {}, outputs: 2 },
  Haar: { inputs: ['x'], attributes: {}, outputs: 1 },
  /** 3 x 3 at stride 1 or 2, padded by one zero on every side; `turned`: by the filter in the other order, as its gradient. */
  Depthwise: {
    inputs: ['x', 'filter', 'bias'],
    attributes: { turned: 'BOOL', stride: 'INT', biased: 'BOOL', relu: 'BOOL' },
    outputs: 1,
  },
  /** Channels scaled, 3 x 3 depthwise, 1 x 1 pointwise, noise and bias added, and leaky ReLU of slope 0.2. */
  SeparableConvolution: {
    inputs: ['x', 'scale', 'depthwise', 'pointwise', 'noise', 'bias'],
    attributes: {},
    outputs: 1,
  },
  /** With respect to x and scale. */
  SeparableConvolutionGradient: {
    inputs: ['dy', 'y', 'x', 'scale', 'depthwise', 'pointwise'],
    attributes: {},
    outputs: 2,
  },
  AdamW: { inputs: ['weights', 'gradient', 'first', 'second', 'mask', 'options'], attributes: {}, outputs: 4 },
  Blend: { inputs: ['from', 'to', 'share'], attributes: {}, outputs: 1 },
} as const satisfies Record<
  string,
  { inputs: readonly string[]; attributes: Readonly<Record<string, 'INT' | 'FLOAT' | 'BOOL'>>; outputs: number }
>

export type FusedName = keyof typeof fusedKernels
type Inputs<Name extends FusedName> = Record<(typeof fusedKernels)[Name]['inputs'][number], tf.Tensor>
type Attributes<Name extends FusedName> = {
  [key in keyof (typeof fusedKernels)[Name]['attributes']]: (typeof fusedKernels)[Name]['attributes'][key] extends 'BOOL'
    ? boolean
    : number
}

let planned: BackendName | undefined

/** Whose fused kernels are at work: of the backend in use, or of the one that a run without values stands for. */
export const kernelsBackend = (): string => planned ?? tf.getBackend()

/** Has the backend in use stand for another; for itself again without a name. */
export function standFor(backend?: BackendName): void {
  planned = backend
}

/** The name under which a backend registers the kernel with tfjs. */
export const registeredName = (name: FusedName): string => `DiffPrivacy${name}`

/** The kernel on the backend in use, undefined where that has none. It has no gradient: its caller says what that is. */
export function fused<Name extends FusedName>(
  name: Name,
): ((inputs: Inputs<Name>, attributes: Attributes<Name>) => tf.Tensor[]) | undefined {
  const registered = registeredName(name)
  if (!tf.getKernel(registered, tf.getBackend())) return undefined
  return (inputs, attributes) =>
    tf.engine().runKernel<tf.Tensor[]>(registered, inputs, attributes as object as tf.NamedAttrMap)
}

// The gradient of max-pooling by the fused kernel.

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
