/**
 * The messages of TensorBoard's event files that are written here: fields and numbers from tensorboard/compat/proto and
 * tensorboard/plugins/hparams of TensorBoard 2.21 (Apache-2.0).
 */
import protobuf from 'protobufjs'

const source = `
syntax = "proto3";

message Event {
  double wall_time = 1;
  int64 step = 2;
  string file_version = 3;
  Summary summary = 5;
  SessionLog session_log = 7;
}
message SessionLog { int32 status = 1; }

message Summary {
  message Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4; }
  message Value {
    string tag = 1;
    optional float simple_value = 2;
    Image image = 4;
    HistogramProto histo = 5;
    TensorProto tensor = 8;
    SummaryMetadata metadata = 9;
  }
  repeated Value value = 1;
}
message HistogramProto {
  double min = 1; double max = 2; double num = 3; double sum = 4; double sum_squares = 5;
  repeated double bucket_limit = 6; repeated double bucket = 7;
}
message TensorProto { int32 dtype = 1; TensorShape tensor_shape = 2; repeated bytes string_val = 8; }
message TensorShape { message Dim { int64 size = 1; } repeated Dim dim = 2; }
message SummaryMetadata {
  message PluginData { string plugin_name = 1; bytes content = 2; }
  PluginData plugin_data = 1;
}

message HParamsPluginData {
  int32 version = 1;
  Experiment experiment = 2;
  SessionStartInfo session_start_info = 3;
  SessionEndInfo session_end_info = 4;
}
message Experiment { repeated HParamInfo hparam_infos = 4; repeated MetricInfo metric_infos = 5; }
message HParamInfo { string name = 1; int32 type = 4; }
message MetricInfo { MetricName name = 1; }
message MetricName { string group = 1; string tag = 2; }
message SessionStartInfo { map<string, Value> hparams = 1; string group_name = 4; double start_time_secs = 5; }
message SessionEndInfo { int32 status = 1; double end_time_secs = 2; }
message Value { optional double number_value = 2; optional string string_value = 3; optional bool bool_value = 4; }
`

const { root } = protobuf.parse(source, { keepCase: true })

/** A message of the given type as bytes. */
export function encode(type: 'Event' | 'HParamsPluginData', message: Record<string, unknown>): Uint8Array {
  const definition = root.lookupType(type)
  return definition.encode(definition.fromObject(message)).finish()
}

export const STRING = 7 // DataType.DT_STRING
export const SESSION_START = 1 // SessionLog.START
export const hparamTypes = { string: 1, boolean: 2, number: 3 } // DataType of the hparams plugin
export const sessionStatus = { finished: 1, failed: 2, interrupted: 2 } // Status of the hparams plugin
