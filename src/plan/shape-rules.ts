/**
 * What each operation of tfjs makes, by shape alone: the shapes of its outputs and how many floating-point operations it
 * takes. An operation that a network uses and that is not here is refused by name.
 */
import * as tf from '@tensorflow/tfjs'
import { type ConvAttributes, geometry } from '../backend/defects/override.ts'
import { type FusedName, registeredName } from '../backend/fused.ts'

/** An input or an output without values. */
export interface Outline {
  readonly shape: readonly number[]
  readonly dtype: tf.DataType
}

export interface Made {
  readonly outputs: readonly Outline[]
  /** Multiplications and additions of convolutions and matrix products; what else there is takes little of the time. */
  readonly flops: number
  /** The output is the input of that name under another shape: no memory is taken. */
  readonly view?: string
}

// Attributes differ with the operation; their types are tfjs's own, by name, and are not worth repeating.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Attributes = any
export type Rule = (inputs: Readonly<Record<string, Outline>>, attributes: Attributes) => Made

const size = tf.util.sizeFromShape as (shape: readonly number[]) => number
const make = (shape: readonly number[], dtype: tf.DataType, flops = 0): Made => ({ outputs: [{ shape, dtype }], flops })
const first = (inputs: Readonly<Record<string, Outline>>): Outline => Object.values(inputs)[0]!

/** Values one by one. */
const same: Rule = inputs => make(first(inputs).shape, first(inputs).dtype)

/** Two tensors, or more, broadcast to one shape. */
const broadcast =
  (dtype?: tf.DataType): Rule =>
  inputs => {
    const all = Object.values(inputs)
    let shape: number[] = []
    for (const x of all) shape = tf.broadcast_util.assertAndGetBroadcastShape(shape, [...x.shape])
    return make(shape, dtype ?? all.at(-1)!.dtype)
  }

/** Axes summed over, or the like. */
const reduce =
  (dtype?: tf.DataType): Rule =>
  (inputs, { axis, reductionIndices, keepDims = false }) => {
    const { shape, dtype: own } = first(inputs)
    const axes = tf.util.parseAxisParam(axis ?? reductionIndices, [...shape])
    const left = keepDims
      ? shape.map((length, i) => (axes.includes(i) ? 1 : length))
      : shape.filter((_, i) => !axes.includes(i))
    return make(left, dtype ?? (own === 'bool' ? 'int32' : own))
  }

/** Another shape of the same values. */
const view =
  (shape: (x: readonly number[], attributes: Attributes) => readonly number[]): Rule =>
  (inputs, attributes) => {
    const [[name, x]] = Object.entries(inputs) as [[string, Outline]]
    return { ...make(shape(x.shape, attributes), x.dtype), view: name }
  }

/** A shape that follows from the first input's. */
const reshaped =
  (shape: (x: readonly number[], attributes: Attributes) => readonly number[]): Rule =>
  (inputs, attributes) =>
    make(shape(first(inputs).shape, attributes), first(inputs).dtype)

const convolve = (depthwise: boolean): Rule => {
  return ({ x, filter }, attributes: ConvAttributes) => {
    const { outShape } = geometry(x!.shape, filter!.shape, attributes, depthwise)
    return make(outShape, 'float32', products(outShape, filter!.shape, depthwise))
  }
}
/** The gradient of a convolution with respect to its input or its filter: as many products as the convolution. */
const convolutionGradient =
  (of: 'inputShape' | 'filterShape', depthwise: boolean): Rule =>
  ({ dy, filter }, attributes: ConvAttributes) =>
    make(attributes[of]!, 'float32', products(dy!.shape, filter?.shape ?? attributes.filterShape!, depthwise))

/** Every output value of a convolution takes a product for each value of the filter's window. */
function products(output: readonly number[], filter: readonly number[], depthwise: boolean): number {
  const [height, width, inputs] = filter as [number, number, number]
  return 2 * size(output) * height * width * (depthwise ? 1 : inputs)
}

const matMul: Rule = ({ a, b }, { transposeA, transposeB }) => {
  const [rows, inner] = transposeA ? [a!.shape.at(-1)!, a!.shape.at(-2)!] : [a!.shape.at(-2)!, a!.shape.at(-1)!]
  const columns = b!.shape.at(transposeB ? -2 : -1)!
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2))
  return make([...batch, rows, columns], 'float32', 2 * size(batch) * rows * inner * columns)
}

const pool: Rule = ({ x }, { filterSize, strides, pad, dimRoundingMode }) => {
  const info = tf.backend_util.computePool2DInfo(
    x!.shape as [number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  )
  return make(info.outShape, 'float32')
}
/** The gradient of a pooling or a resize has the shape of what it was made of. */
const likeInput: Rule = inputs => make((inputs.x ?? inputs.input ?? inputs.images)!.shape, 'float32')

const resize: Rule = ({ images }, { size: [height, width] }) => {
  const [n, , , channels] = images!.shape
  return make([n!, height, width, channels!], 'float32')
}

/** Inputs one after the other along an axis. */
const concat: Rule = (inputs, { axis }) => {
  const all = Object.values(inputs)
  const shape = [...all[0]!.shape]
  const along = tf.util.parseAxisParam(axis, shape)[0]!
  shape[along] = all.reduce((sum, x) => sum + x.shape[along]!, 0)
  return make(shape, all[0]!.dtype)
}

const split: Rule = ({ x }, { numOrSizeSplits, axis }) => {
  const along = tf.util.parseAxisParam(axis, [...x!.shape])[0]!
  const lengths = tf.backend_util.prepareSplitSize(x as tf.Tensor, numOrSizeSplits, along)
  const outputs = lengths.map(length => ({ shape: x!.shape.with(along, length), dtype: x!.dtype }))
  return { outputs, flops: 0 }
}

const gather: Rule = ({ x, indices }, { axis, batchDims = 0 }) => {
  const along = tf.util.parseAxisParam(axis, [...x!.shape])[0]!
  const before = x!.shape.slice(0, along)
  return make([...before, ...indices!.shape.slice(batchDims), ...x!.shape.slice(along + 1)], x!.dtype)
}

const named = (rule: Rule, names: string): [string, Rule][] => names.split(' ').map(name => [name, rule])

/** By tfjs's name of the operation. */
export const rules: Readonly<Record<string, Rule>> = Object.fromEntries([
  ...named(
    same,
    'Abs Acos Asin Atan Ceil ClipByValue Cos Cumsum Elu Erf Exp Expm1 Floor LeakyRelu Log Log1p Neg Reciprocal ' +
      'Relu Relu6 Reverse Round Rsqrt Selu Sigmoid Sign Sin Softmax Softplus Sqrt Square Step Tan Tanh OnesLike ZerosLike',
  ),
  ...named(broadcast(), 'Add Atan2 EluGrad Maximum Minimum Mod Multiply Pow Prelu RealDiv SquaredDifference Sub AddN'),
  ...named(broadcast(), 'Select'),
  ...named(broadcast('int32'), 'FloorDiv'),
  ...named(broadcast('bool'), 'Equal Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr NotEqual'),
  ...named(inputs => make(first(inputs).shape, 'bool'), 'IsFinite IsInf IsNan LogicalNot'),
  ...named(reduce(), 'Max Mean Min Prod Sum'),
  ...named(reduce('int32'), 'ArgMax ArgMin'),
  ...named(reduce('bool'), 'All Any'),

  ['Identity', view(shape => shape)],
  ['Reshape', view((shape, attributes) => tf.util.inferFromImplicitShape(attributes.shape, size(shape)))],
  ['ExpandDims', view((shape, { dim }) => shape.toSpliced(dim < 0 ? shape.length + dim + 1 : dim, 0, 1))],
  ['Cast', ({ x }, { dtype }) => ({ ...make(x!.shape, dtype), ...(x!.dtype === dtype && { view: 'x' }) })],

  ['Transpose', reshaped((shape, { perm }) => perm.map((axis: number) => shape[axis]))],
  ['Tile', reshaped((shape, { reps }) => shape.map((length, i) => length * reps[i]))],
  ['PadV2', reshaped((shape, { paddings }) => shape.map((length, i) => paddings[i][0] + length + paddings[i][1]))],
  ['MirrorPad', reshaped((shape, { paddings }) => shape.map((length, i) => paddings[i][0] + length + paddings[i][1]))],
  ['Slice', reshaped((shape, attributes) => shape.map((length, i) => lengthOf(length, i, attributes)))],
  ['Concat', concat],
  ['SplitV', split],
  [
    'Pack',
    (inputs, { axis }) => make(first(inputs).shape.toSpliced(axis, 0, Object.keys(inputs).length), first(inputs).dtype),
  ],
  [
    'Unpack',
    ({ value }, { axis }) => ({
      outputs: Array.from({ length: value!.shape[axis]! }, () => ({
        shape: value!.shape.toSpliced(axis, 1),
        dtype: value!.dtype,
      })),
      flops: 0,
    }),
  ],
  ['GatherV2', gather],
  ['OneHot', ({ indices }, { depth, dtype }) => make([...indices!.shape, depth], dtype ?? 'int32')],
  ['UnsortedSegmentSum', ({ x }, { numSegments }) => make([numSegments, ...x!.shape.slice(1)], x!.dtype)],
  ['Fill', (_, { shape, dtype, value }) => make(shape, dtype ?? tf.util.inferDtype(value))],
  ['LinSpace', (_, { num }) => make([num], 'float32')],

  ['BatchMatMul', matMul],
  ...named(convolve(false), 'Conv2D FusedConv2D'),
  ...named(convolve(true), 'DepthwiseConv2dNative FusedDepthwiseConv2D'),
  ['Conv2DBackpropInput', convolutionGradient('inputShape', false)],
  ['Conv2DBackpropFilter', convolutionGradient('filterShape', false)],
  ['DepthwiseConv2dNativeBackpropInput', convolutionGradient('inputShape', true)],
  ['DepthwiseConv2dNativeBackpropFilter', convolutionGradient('filterShape', true)],
  ...named(pool, 'AvgPool MaxPool'),
  ...named(resize, 'ResizeBilinear ResizeNearestNeighbor'),
  ...named(likeInput, 'AvgPoolGrad MaxPoolGrad ResizeBilinearGrad ResizeNearestNeighborGrad'),
])

/** The length along axis `i` of a slice; -1 means up to the end. */
const lengthOf = (length: number, i: number, { begin, size }: { begin: number[]; size: number[] }): number =>
  size[i] === -1 ? length - begin[i]! : size[i]!

const several = (...shapes: (readonly number[])[]): Made => ({
  outputs: shapes.map(shape => ({ shape, dtype: 'float32' })),
  flops: 0,
})

const fused: Readonly<Record<FusedName, Rule>> = {
  GroupNorm: ({ x }, { groups }) => several(x!.shape, [x!.shape[0]!, groups], [x!.shape[0]!, groups]),
  GroupNormGradient: ({ x, weight, bias }) => several(x!.shape, weight!.shape, bias!.shape),
  LayerNorm: ({ x }) => several(x!.shape, rowsOf(x!), rowsOf(x!)),
  LayerNormGradient: ({ x, weight }) => several(x!.shape, weight!.shape, weight!.shape),
  GatedGelu: ({ x }) => several([...x!.shape.slice(0, -1), x!.shape.at(-1)! / 2]),
  GatedGeluGradient: ({ x }) => several(x!.shape),
  Convolution: ({ x, filter }, { stride, same }) =>
    convolve(false)({ x: x!, filter: filter! }, { strides: stride, pad: same ? 'same' : 'valid' }),
  ConvolutionGradient: ({ dy, filter }, { height, width }) =>
    make([dy!.shape[0]!, height, width, filter!.shape[2]!], 'float32', products(dy!.shape, filter!.shape, false)),
  Affine: ({ x, weight }, { transposed }) => {
    const outputs = weight!.shape[transposed ? 0 : 1]!
    return make([...x!.shape.slice(0, -1), outputs], 'float32', 2 * size(x!.shape) * outputs)
  },
  Attention: ({ q, k }, { samples }) => ({ ...several(q!.shape), flops: attentionFlops(2, q!, k!, samples) }),
  AttentionGradient: ({ q, k, v }, { samples }) => ({
    ...several(q!.shape, k!.shape, v!.shape),
    flops: attentionFlops(5, q!, k!, samples),
  }),
  MaxPoolGradient: ({ x }) => several(x!.shape),
  Resample: ({ x, matrix }, { axis, transposed }) => several(x!.shape.with(axis, matrix!.shape[transposed ? 1 : 0]!)),
  ReluGradient: ({ dy }) => several(dy!.shape),
  InverseHaar: ({ x }) => several([x!.shape[0]!, 2 * x!.shape[1]!, 2 * x!.shape[2]!, x!.shape[3]! / 4]),
  InverseHaarGradient: ({ x, scale }) => several(x!.shape, scale!.shape),
  Haar: ({ x }) => several([x!.shape[0]!, x!.shape[1]! / 2, x!.shape[2]! / 2, 4 * x!.shape[3]!]),
  Depthwise: ({ x }, { stride }) => {
    const [n, h, w, c] = x!.shape as tf.Tensor4D['shape']
    const shape = [n, Math.ceil(h / Number(stride)), Math.ceil(w / Number(stride)), c]
    return make(shape, 'float32', 2 * 9 * size(shape))
  },
  SeparableConvolution: ({ x, pointwise }) => ({
    ...several([...x!.shape.slice(0, -1), pointwise!.shape[1]!]),
    flops: separableFlops(x!, pointwise!),
  }),
  SeparableConvolutionGradient: ({ x, scale, pointwise }) => ({
    ...several(x!.shape, scale!.shape),
    flops: separableFlops(x!, pointwise!),
  }),
  AdamW: ({ weights }) => several(weights!.shape, weights!.shape, weights!.shape, []),
  Blend: ({ from }) => several(from!.shape),
}
/** Of `products` products of all queries with all keys, or of that size. */
const attentionFlops = (products: number, q: Outline, k: Outline, samples: number): number =>
  (2 * products * size(q.shape) * size(k.shape)) / samples / k.shape.at(-1)!
/** Depthwise 3 x 3, then pointwise. */
const separableFlops = (x: Outline, pointwise: Outline): number => 2 * size(x.shape) * (9 + pointwise.shape[1]!)
const rowsOf = ({ shape }: Outline): number[] => [size(shape.slice(0, -1))]

/** Of the operations that a backend may have in one kernel of its own. */
export const fusedRules: Readonly<Record<string, Rule>> = Object.fromEntries(
  Object.entries(fused).map(([name, rule]) => [registeredName(name as FusedName), rule]),
)
