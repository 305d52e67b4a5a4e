/** Weights and graph of an ONNX model: its initializers, and its nodes in the order in which they run. */

import protobuf from 'protobufjs'
import { UserError } from '../util/errors.ts'
import { type Bytes, openBytes } from './bytes.ts'
import { bytesPer, count, type Dtype, isSizes, toFloat32 } from './dtype.ts'
import { quoted, shown, type TensorFile, type TensorInfo } from './tensor-file.ts'

// The messages of ONNX models that are read here: fields and numbers from onnx/onnx.proto of ONNX 1.19 (Apache-2.0). What
// else a model holds, as the attributes of its nodes, is passed over.

const source = `
syntax = "proto2";

message ModelProto { optional int64 ir_version = 1; optional GraphProto graph = 7; }
message GraphProto { repeated NodeProto node = 1; repeated TensorProto initializer = 5; }
message NodeProto { repeated string input = 1; repeated string output = 2; optional string op_type = 4; }
message TensorProto {
  repeated int64 dims = 1;
  optional int32 data_type = 2;
  repeated float float_data = 4 [packed = true];
  repeated int32 int32_data = 5 [packed = true];
  repeated bytes string_data = 6;
  repeated int64 int64_data = 7 [packed = true];
  optional string name = 8;
  optional bytes raw_data = 9;
  repeated double double_data = 10 [packed = true];
  repeated uint64 uint64_data = 11 [packed = true];
  optional int32 data_location = 14;
}
`

/** Numbers of the kinds of values. */
export const onnxType = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const

/** Where a tensor's values are that lie in another file. */
export const externalLocation = 1

/** A tensor; 64-bit integers are numbers, or objects that `Number` makes one of. */
export interface OnnxTensor {
  dims?: unknown[]
  dataType?: number
  floatData?: number[]
  int32Data?: number[]
  stringData?: Uint8Array[]
  int64Data?: unknown[]
  name?: string
  rawData?: Uint8Array
  doubleData?: number[]
  uint64Data?: unknown[]
  dataLocation?: number
}

export interface OnnxGraph {
  node?: { input?: string[]; output?: string[]; opType?: string }[]
  initializer?: OnnxTensor[]
}

const model = protobuf.parse(source).root.lookupType('ModelProto')

/** @throws Error when they are no message, or one that ends too early */
export function decodeModel(bytes: Uint8Array): { graph?: OnnxGraph } {
  return model.decode(bytes) as { graph?: OnnxGraph }
}

/** The bytes of a model, for tests. */
export function encodeModel(contents: { irVersion: number; graph?: OnnxGraph }): Uint8Array {
  return model.encode(model.fromObject(contents)).finish()
}

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
