/**
 * The messages of ONNX models that are read here: fields and numbers from onnx/onnx.proto of ONNX 1.19 (Apache-2.0). What
 * else a model holds, as the attributes of its nodes, is passed over.
 */
import protobuf from 'protobufjs'

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
