/**
 * The safetensors format: eight bytes of header length (little-endian), a JSON header that maps each tensor's name to
 * its dtype, shape and byte range, then the bytes (https://github.com/huggingface/safetensors). Every tensor is read by
 * its range, so that a file of several gigabytes costs the memory of what is asked for.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeFolder, writeFileAtomic } from '../atomic.ts'
import { UserError } from '../errors.ts'
import { nearestHint } from '../nearest.ts'
import { fromBfloat16, fromFloat16, toFloat16 } from './float16.ts'

const bytesPer = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const
export type Dtype = keyof typeof bytesPer

/** A tensor's values, widened or converted to float32, in row-major order; `dtype` is the one in the file. */
export interface TensorData {
  dtype: Dtype
  shape: number[]
  data: Float32Array
}

export interface TensorEntry {
  dtype: Dtype
  shape: number[]
  /** First byte and the one after the last, counted from the end of the header. */
  range: [number, number]
}

export interface SafetensorsHeader {
  entries: Map<string, TensorEntry>
  metadata: Record<string, string>
  /** Where the tensors' bytes begin in the file. */
  start: number
}

const maximumHeader = 100_000_000

/** Names, dtypes and shapes of a safetensors file, checked to describe every byte of it exactly once. */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  return withFile(path, file => readHeader(path, file))
}

/**
 * Reads tensors from a safetensors file.
 * @param names the tensors to read; all of them when left out
 * @throws UserError naming the file (and the tensor) when it is absent, truncated, malformed or lacks a name
 */
export async function readSafetensors(
  path: string,
  { names }: { names?: Iterable<string> } = {},
): Promise<{ tensors: Map<string, TensorData>; metadata: Record<string, string> }> {
  const tensors = new Map<string, TensorData>()
  const metadata = await eachTensor(path, names, (name, tensor) => tensors.set(name, tensor))
  return { tensors, metadata }
}

/** Shows tensors one at a time, so that no more than one is in memory; returns the file's metadata. */
export async function eachTensor(
  path: string,
  names: Iterable<string> | undefined,
  visit: (name: string, tensor: TensorData) => void,
): Promise<Record<string, string>> {
  return withFile(path, async file => {
    const { entries, metadata, start } = await readHeader(path, file)
    for (const name of names ?? entries.keys()) {
      const entry = entries.get(name)
      if (!entry) throw new UserError(`${path}: no tensor is called '${name}'${nearestHint(name, entries.keys())}`)
      const [from, to] = entry.range
      const bytes = await readBytes(path, file, start + from, to - from)
      visit(name, { dtype: entry.dtype, shape: entry.shape, data: decode(entry.dtype, bytes) })
    }
    return metadata
  })
}

/**
 * Writes a safetensors file whole or not at all, and its folder where there is none yet.
 * @param tensors name -> shape and float32 values, row-major
 * @param metadata strings kept in the header, such as the configuration that rebuilds the model
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
  metadata: Readonly<Record<string, string>> = {},
  { dtype = 'F32' }: { dtype?: 'F32' | 'F16' } = {},
): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: metadata }
  let end = 0
  for (const [name, { shape, data }] of tensors) {
    if (size(shape) !== data.length) {
      throw new Error(`tensor '${name}' has ${data.length} values, its shape [${shape}] wants ${size(shape)}`)
    }
    const begin = end
    end += data.length * bytesPer[dtype]
    header[name] = { dtype, shape, data_offsets: [begin, end] }
  }
  const json = Buffer.from(JSON.stringify(header))
  // Spaces fill the header up, so that the tensors begin on a multiple of eight bytes.
  const head = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ')
  head.writeBigUInt64LE(BigInt(head.length - 8))
  json.copy(head, 8)

  function* parts(): Iterable<Uint8Array> {
    yield head
    for (const { data } of tensors.values()) {
      const values = dtype === 'F16' ? toFloat16(data) : data
      yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    }
  }
  await makeFolder(dirname(path))
  await writeFileAtomic(path, parts())
}

async function readHeader(path: string, file: FileHandle): Promise<SafetensorsHeader> {
  const wrong = (what: string) => new UserError(`${path} is not a whole safetensors file: ${what}; fetch it again`)
  const { size: fileSize } = await file.stat()
  if (fileSize < 8) throw wrong(`it has ${fileSize} bytes, fewer than the 8 of a header length`)
  const length = Number((await readBytes(path, file, 0, 8)).readBigUInt64LE())
  if (length > maximumHeader) throw wrong(`its header claims ${length} bytes, more than ${maximumHeader}`)
  if (8 + length > fileSize) throw wrong(`its header claims ${length} bytes, the file has ${fileSize}`)

  let json: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readBytes(path, file, 8, length))
    json = JSON.parse(text)
  } catch (error) {
    throw wrong(`its header is no JSON (${(error as Error).message})`)
  }
  if (!isRecord(json)) throw wrong('its header is not a JSON object')

  const { __metadata__: metadata = {}, ...described } = json
  if (!isRecord(metadata) || !Object.values(metadata).every(v => typeof v === 'string')) {
    throw wrong('its __metadata__ is not a map of strings')
  }
  const entries = new Map<string, TensorEntry>()
  for (const [name, description] of Object.entries(described)) {
    entries.set(
      name,
      parseEntry(description, what => wrong(`tensor '${name}' ${what}`)),
    )
  }

  // The ranges, in order, must tile the rest of the file: no overlap, no hole, no byte missing or left over.
  let end = 0
  for (const [name, { range }] of [...entries].sort(
    ([, a], [, b]) => a.range[0] - b.range[0] || a.range[1] - b.range[1],
  )) {
    if (range[0] !== end) throw wrong(`tensor '${name}' begins at byte ${range[0]}, the one before it ends at ${end}`)
    end = range[1]
  }
  const present = fileSize - 8 - length
  if (end !== present) throw wrong(`its tensors take ${end} bytes, the file has ${present} for them`)
  return { entries, metadata: metadata as Record<string, string>, start: 8 + length }
}

function parseEntry(description: unknown, wrong: (what: string) => UserError): TensorEntry {
  if (!isRecord(description)) throw wrong('is not described by an object')
  const { dtype, shape, data_offsets: range } = description
  if (typeof dtype !== 'string' || !Object.hasOwn(bytesPer, dtype)) {
    throw wrong(`has dtype ${JSON.stringify(dtype)}, expected one of ${Object.keys(bytesPer).join(', ')}`)
  }
  if (!isSizes(shape)) throw wrong(`has shape ${JSON.stringify(shape)}, expected a list of sizes`)
  if (!isSizes(range) || range.length !== 2 || range[0]! > range[1]!) {
    throw wrong(`has data_offsets ${JSON.stringify(range)}, expected [begin, end]`)
  }
  const expected = size(shape) * bytesPer[dtype as Dtype]
  if (range[1]! - range[0]! !== expected) {
    throw wrong(`has ${range[1]! - range[0]!} bytes, its shape [${shape}] of ${dtype} wants ${expected}`)
  }
  return { dtype: dtype as Dtype, shape, range: [range[0]!, range[1]!] }
}

function decode(dtype: Dtype, bytes: Buffer): Float32Array {
  // A copy of its own: typed arrays must begin on a multiple of their element size.
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer)
    case 'F16':
      return fromFloat16(new Uint16Array(buffer))
    case 'BF16':
      return fromBfloat16(new Uint16Array(buffer))
    case 'F64':
      return Float32Array.from(new Float64Array(buffer))
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer), Number)
    case 'I32':
      return Float32Array.from(new Int32Array(buffer))
    case 'I16':
      return Float32Array.from(new Int16Array(buffer))
    case 'I8':
      return Float32Array.from(new Int8Array(buffer))
    case 'U8':
    case 'BOOL':
      return Float32Array.from(new Uint8Array(buffer))
  }
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path).catch((error: Error) => {
    throw new UserError(`cannot read ${path}: ${error.message}`)
  })
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

async function readBytes(path: string, file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    // A single read is limited to 2 GiB.
    const part = Math.min(length - done, 1 << 30)
    const { bytesRead } = await file.read(bytes, done, part, position + done).catch((error: Error) => {
      throw new UserError(`cannot read ${path}: ${error.message}`)
    })
    if (bytesRead === 0) throw new UserError(`${path} ends at byte ${position + done}, expected ${length - done} more`)
    done += bytesRead
  }
  return bytes
}

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(n => Number.isSafeInteger(n) && n >= 0)
