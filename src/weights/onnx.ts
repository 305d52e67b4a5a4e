/** Weights and graph of an ONNX model: its initializers, and its nodes in the order in which they run. */
import { UserError } from '../util/errors.ts'
import { type Bytes, openBytes } from './bytes.ts'
import { bytesPer, count, type Dtype, isSizes, toFloat32 } from './dtype.ts'
import { decodeModel, externalLocation, type OnnxGraph, type OnnxTensor, onnxType } from './onnx-proto.ts'
import { quoted, shown, type TensorFile, type TensorInfo } from './tensor-file.ts'

export interface OnnxNode {
  /** 'Conv', 'PRelu', ... */
  type: string
  inputs: string[]
  outputs: string[]
}

/** Protocol Buffers end there. */
const maximumSize = 2 ** 31

const dtypes: Readonly<Record<number, Dtype>> = {
  [onnxType.float]: 'F32',
  [onnxType.double]: 'F64',
  [onnxType.float16]: 'F16',
  [onnxType.bfloat16]: 'BF16',
  [onnxType.int64]: 'I64',
  [onnxType.int32]: 'I32',
  [onnxType.int16]: 'I16',
  [onnxType.int8]: 'I8',
  [onnxType.uint64]: 'U64',
  [onnxType.uint32]: 'U32',
  [onnxType.uint16]: 'U16',
  [onnxType.uint8]: 'U8',
  [onnxType.bool]: 'BOOL',
}

/** Whether a file that begins so may be an ONNX model: it says its version, a small number, first. */
export function isOnnx(head: Buffer): boolean {
  return head[0] === 0x08 && head[1]! < 0x80
}

/**
 * The initializers of an ONNX model, all of which are in memory: the format has no ranges.
 * @throws UserError naming the file (and the tensor) when it is no ONNX model or not as the format wants it
 */
export async function openOnnx(bytes: Bytes): Promise<TensorFile> {
  if (bytes.size > maximumSize) throw new UserError(`${bytes.path}: an ONNX model ends at ${maximumSize} bytes`)
  const graph = decodeGraph(bytes.path, await bytes.read(0, bytes.size))
  const protos = new Map<string, OnnxTensor & TensorInfo>()
  for (const proto of graph.initializer ?? []) {
    const name = proto.name ?? ''
    if (protos.has(name)) throw new UserError(`${bytes.path}: two tensors are called ${quoted(name)}; fetch it again`)
    protos.set(name, { ...proto, ...describe(bytes.path, proto) })
  }
  return {
    path: bytes.path,
    format: 'ONNX model',
    tensors: protos,
    metadata: {},
    read: async name => valuesOf(protos.get(name)!),
    close: bytes.close,
  }
}

/**
 * The nodes of an ONNX model.
 * @throws UserError naming the file when it is absent or no ONNX model
 */
export async function readOnnxNodes(path: string): Promise<OnnxNode[]> {
  const file = await openBytes(path)
  const bytes = await file.read(0, Math.min(file.size, maximumSize)).finally(file.close)
  return decodeGraph(path, bytes).node!.map(({ opType, input, output }) => ({
    type: opType ?? '',
    inputs: input ?? [],
    outputs: output ?? [],
  }))
}

function decodeGraph(path: string, bytes: Uint8Array): OnnxGraph {
  let graph: OnnxGraph | undefined
  try {
    graph = decodeModel(bytes).graph
  } catch {
    // Refused below, as a file of another format is that happens to decode.
  }
  if (!graph?.node?.length) throw new UserError(`${path}: expected an ONNX model; fetch it again`)
  return graph
}

function describe(path: string, proto: OnnxTensor): TensorInfo {
  const name = quoted(proto.name ?? '')
  const shape = (proto.dims ?? []).map(Number)
  const dtype = dtypes[proto.dataType ?? 0]
  if (!dtype) throw new UserError(`${path}: tensor ${name} holds no numbers (ONNX type ${proto.dataType})`)
  if (proto.dataLocation === externalLocation) {
    throw new UserError(`${path}: tensor ${name} lies in another file; save the model in one file`)
  }
  const found = proto.rawData?.length ? proto.rawData.length / bytesPer[dtype] : numbersOf(proto).length
  if (!isSizes(shape) || found !== count(shape)) {
    throw new UserError(`${path}: tensor ${name} has ${found} values, its shape ${shown(shape)} wants ${count(shape)}`)
  }
  return { dtype, shape }
}

function valuesOf(proto: OnnxTensor & TensorInfo): Float32Array {
  // A copy of its own: typed arrays must begin on a multiple of their element size.
  if (proto.rawData?.length) return toFloat32(proto.dtype, Uint8Array.from(proto.rawData))
  const numbers = Array.from(numbersOf(proto), Number)
  // Halves are bit patterns among the integers.
  if (proto.dtype === 'F16' || proto.dtype === 'BF16') return toFloat32(proto.dtype, Uint16Array.from(numbers))
  return Float32Array.from(numbers)
}

/** The values of a tensor without raw bytes: in the one list that its type uses. */
function numbersOf({ floatData, doubleData, int32Data, int64Data, uint64Data }: OnnxTensor): ArrayLike<unknown> {
  return [floatData, doubleData, int32Data, int64Data, uint64Data].find(list => list?.length) ?? []
}
