/** Operations of libtensorflow on raw bfloat16 handles, which no tfjs tensor can hold. */
import type * as tf from '@tensorflow/tfjs'

/** A tensor inside the binding. */
export type Handle = number

export interface Metadata {
  id: Handle
  shape: number[]
  dtype: number
}

export interface Attribute {
  name: string
  type: number
  value: unknown
}

interface Binding {
  readonly [constant: `TF_${string}`]: number
  createTensor(shape: number[], dtype: number, values: Int32Array): Handle
  deleteTensor(id: Handle): void
  executeOp(name: string, attributes: Attribute[], inputs: Handle[], outputs: number): Metadata[]
}

/** The parts of tfjs-node's backend used here. */
export interface NodeBackend {
  readonly isUsingGpuDevice: boolean
  readonly binding: Binding
  getInputTensorIds(tensors: tf.TensorInfo[]): Handle[]
  createOutputTensor(metadata: Metadata): tf.TensorInfo
  incRef(dataId: object): void
}

/** TF_BFLOAT16 of TensorFlow's C header tf_datatype.h; the binding does not name it. */
const bfloat16 = 14

/** A set of raw handles that are freed together. */
export class RawOps {
  readonly #backend: NodeBackend
  readonly #binding: Binding
  readonly #owned: Handle[] = []

  constructor(backend: NodeBackend) {
    this.#backend = backend
    this.#binding = backend.binding
  }

  /** Frees every handle made so far. */
  free(): void {
    for (const id of this.#owned.splice(0)) this.#binding.deleteTensor(id)
  }

  toBf16 = (x: tf.TensorInfo): Handle => {
    const [id] = this.#backend.getInputTensorIds([x])
    return this.#own(this.#cast(id!, this.#binding.TF_FLOAT!, bfloat16))
  }

  /** The result belongs to tfjs. */
  toFloat32(x: Handle): tf.TensorInfo {
    return this.#backend.createOutputTensor(this.#cast(x, bfloat16, this.#binding.TF_FLOAT!))
  }

  ints(values: readonly number[]): Handle {
    return this.#own({
      id: this.#binding.createTensor([values.length], this.#binding.TF_INT32!, Int32Array.from(values)),
    })
  }

  transpose(x: Handle, permutation: readonly number[]): Handle {
    const attributes = [this.#type('T', bfloat16), this.#type('Tperm', this.#binding.TF_INT32!)]
    return this.#run('Transpose', attributes, [x, this.ints(permutation)])
  }

  /** Conv2D, Conv2DBackpropInput or Conv2DBackpropFilter with the strides and padding of `info`. */
  conv2d(op: string, inputs: Handle[], info: tf.backend_util.Conv2DInfo): Handle {
    const { type, top, bottom, left, right } = info.padInfo
    const explicit = type === 'EXPLICIT' ? ([top, bottom, left, right] as const) : undefined
    return this.#convolve(op, inputs, [info.strideHeight, info.strideWidth], type, explicit)
  }

  /** Stride-1 convolution with zeros added [top, bottom, left, right]. */
  conv2dPadded(x: Handle, filter: Handle, padding: readonly [number, number, number, number]): Handle {
    return this.#convolve('Conv2D', [x, filter], [1, 1], 'EXPLICIT', padding)
  }

  matMul(a: Handle, b: Handle, transposeA: boolean, transposeB: boolean): Handle {
    return this.#run(
      'BatchMatMulV2',
      [this.#type('T', bfloat16), this.#bool('adj_x', transposeA), this.#bool('adj_y', transposeB)],
      [a, b],
    )
  }

  #convolve(
    op: string,
    inputs: Handle[],
    strides: readonly [number, number],
    padding: string,
    explicit?: readonly [number, number, number, number],
  ): Handle {
    const attributes = [
      this.#type('T', bfloat16),
      this.#ints('strides', [1, ...strides, 1]),
      this.#string('padding', padding),
      this.#string('data_format', 'NHWC'),
      this.#bool('use_cudnn_on_gpu', false),
      this.#ints('dilations', [1, 1, 1, 1]),
    ]
    if (explicit) attributes.push(this.#ints('explicit_paddings', [0, 0, ...explicit, 0, 0]))
    return this.#run(op, attributes, inputs)
  }

  #cast(x: Handle, from: number, to: number): Metadata {
    const attributes = [this.#type('SrcT', from), this.#type('DstT', to), this.#bool('Truncate', false)]
    return this.#binding.executeOp('Cast', attributes, [x], 1)[0]!
  }

  #run(op: string, attributes: Attribute[], inputs: Handle[]): Handle {
    return this.#own(this.#binding.executeOp(op, attributes, inputs, 1)[0]!)
  }

  #own({ id }: { id: Handle }): Handle {
    this.#owned.push(id)
    return id
  }

  #type = (name: string, value: number): Attribute => ({ name, type: this.#binding.TF_ATTR_TYPE!, value })
  #bool = (name: string, value: boolean): Attribute => ({ name, type: this.#binding.TF_ATTR_BOOL!, value })
  #string = (name: string, value: string): Attribute => ({ name, type: this.#binding.TF_ATTR_STRING!, value })
  #ints = (name: string, value: number[]): Attribute => ({ name, type: this.#binding.TF_ATTR_INT!, value })
}
