/** TensorBoard event files: scalars, images, histograms, text and hyperparameters, one file for each start of the run. */
import { appendFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import protobuf from 'protobufjs'
import { encodeImage } from '../images/codec.ts'
import { makeFolder } from '../util/atomic-write.ts'
import type { RunDescription, Tracker } from './tracker.ts'
import { Writer } from './writer.ts'

// The messages of TensorBoard's event files that are written here: fields and numbers from tensorboard/compat/proto and
// tensorboard/plugins/hparams of TensorBoard 2.21 (Apache-2.0).

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

/** A distribution in equally wide bins, as TensorBoard draws them. */
export interface Histogram {
  readonly min: number
  readonly max: number
  readonly count: number
  readonly sum: number
  readonly sumOfSquares: number
  /** Right edges of the bins, ascending. */
  readonly edges: number[]
  readonly counts: number[]
}

/** Of all values of the arrays together; those that are not finite are left out. Undefined when none is left. */
export function histogram(arrays: readonly Float32Array[], bins = 30): Histogram | undefined {
  let [min, max, count, sum, sumOfSquares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0]
  for (const values of arrays) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue
      if (value < min) min = value
      if (value > max) max = value
      count++
      sum += value
      sumOfSquares += value * value
    }
  }
  if (count === 0) return undefined
  if (min === max) return { min, max, count, sum, sumOfSquares, edges: [max], counts: [count] }
  const width = (max - min) / bins
  const counts = Array.from({ length: bins }, () => 0)
  for (const values of arrays)
    for (const value of values)
      if (Number.isFinite(value)) counts[Math.min(bins - 1, Math.floor((value - min) / width))]!++
  const edges = counts.map((_, i) => (i === bins - 1 ? max : min + (i + 1) * width))
  return { min, max, count, sum, sumOfSquares, edges, counts }
}

// TFRecord framing: length (8 bytes, little-endian), its masked CRC-32C, the data, their masked CRC-32C
// (https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details).

/** One record. */
export function frame(data: Uint8Array): Buffer {
  const record = Buffer.alloc(data.length + 16)
  record.writeBigUInt64LE(BigInt(data.length))
  record.writeUInt32LE(masked(crc32c(record.subarray(0, 8))), 8)
  record.set(data, 12)
  record.writeUInt32LE(masked(crc32c(data)), 12 + data.length)
  return record
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  // 0x82f63b78 is the Castagnoli polynomial, bits reversed.
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** CRC-32C of bytes (RFC 3720, appendix B.4); zlib has only the other CRC-32. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!
  return ~crc >>> 0
}

/** So that a checksum of data that hold checksums is no weaker. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

type Params = RunDescription['params']

/**
 * @param folder what `tensorboard --logdir` is given, or a folder in it
 * @param say told when the folder can no longer be written
 */
export function tensorboardTracker(folder: string, say: (message: string) => void): Tracker {
  const writer = new Writer(folder, say)
  const seconds = () => Date.now() / 1000
  // Later files sort after earlier ones, and no two starts share one.
  const file = join(folder, `events.out.tfevents.${String(Date.now()).padStart(14, '0')}.${hostname()}.${process.pid}`)
  const append = (event: Record<string, unknown>) => {
    const record = frame(encode('Event', { wall_time: seconds(), ...event }))
    // At once: what was told of a step is not told again when the process ends.
    writer.writeNow(() => appendFileSync(file, record))
  }
  const summary = (step: number, ...value: Record<string, unknown>[]) => append({ step, summary: { value } })

  return {
    async start({ params, compared, step }) {
      writer.write(() => makeFolder(folder))
      await writer.finish()
      append({ file_version: 'brain.Event:2' })
      // What an interrupted run wrote of later steps no longer counts: readers drop the step that is named here, too.
      append({ step: step + 1, session_log: { status: SESSION_START } })
      summary(0, hparams('experiment', { experiment: experiment(params, compared) }))
      const session = { hparams: Object.fromEntries(Object.entries(params).map(([k, v]) => [k, typed(v)])) }
      summary(0, hparams('session_start_info', { session_start_info: { ...session, start_time_secs: seconds() } }))
    },
    scalars(step, values) {
      summary(step, ...Object.entries(values).map(([tag, value]) => ({ tag, simple_value: value })))
    },
    image(step, tag, image) {
      const { width, height } = image
      writer.write(async () => {
        const encoded = await encodeImage(image, 'png')
        summary(step, { tag, image: { width, height, colorspace: 3, encoded_image_string: encoded } })
      })
    },
    histogram(step, tag, values) {
      const found = histogram(values)
      if (!found) return
      const { min, max, count, sum, sumOfSquares, edges, counts } = found
      const histo = { min, max, num: count, sum, sum_squares: sumOfSquares, bucket_limit: edges, bucket: counts }
      summary(step, { tag, histo })
    },
    text(step, name, text) {
      summary(step, {
        tag: `${name}/text_summary`,
        metadata: { plugin_data: { plugin_name: 'text' } },
        tensor: { dtype: STRING, tensor_shape: { dim: [{ size: 1 }] }, string_val: [Buffer.from(text)] },
      })
    },
    // TensorBoard has no place for files.
    artifact() {},
    async finish(outcome) {
      await writer.finish()
      const ending = { status: sessionStatus[outcome], end_time_secs: seconds() }
      summary(0, hparams('session_end_info', { session_end_info: ending }))
    },
  }
}

/** A message of the hparams plugin, which is carried by an empty tensor's metadata. */
function hparams(kind: string, content: Record<string, unknown>): Record<string, unknown> {
  const message = encode('HParamsPluginData', { version: 0, ...content })
  return {
    tag: `_hparams_/${kind}`,
    metadata: { plugin_data: { plugin_name: 'hparams', content: message } },
  }
}

function experiment(params: Params, compared: readonly string[]): Record<string, unknown> {
  return {
    hparam_infos: Object.entries(params).map(([name, value]) => ({ name, type: typeOf(value) })),
    metric_infos: compared.map(tag => ({ name: { tag } })),
  }
}

const typeOf = (value: Params[string]) => hparamTypes[typeof value as keyof typeof hparamTypes]

function typed(value: Params[string]): Record<string, unknown> {
  return { [`${typeof value === 'boolean' ? 'bool' : typeof value}_value`]: value }
}
