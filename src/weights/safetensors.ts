/**
 * The safetensors format: eight bytes of header length (little-endian), a JSON header that maps each tensor's name to
 * its dtype, shape and byte range, then the bytes (https://github.com/huggingface/safetensors).
 */

import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Bytes } from '#bytes'
import { UserError } from '../util/errors.ts'
import { bytesPer, count, type Dtype, isSizes, toFloat32 } from './dtype.ts'
import { quoted, shown, type TensorFile, type TensorInfo, type Wrong } from './tensor-file.ts'

interface Entry extends TensorInfo {
  /** First byte and the one after the last, counted from the end of the header. */
  readonly range: readonly [number, number]
}

const maximumHeader = 100_000_000

/** Whether a file that begins so is, or was meant to be, in this format. */
export function isSafetensors(head: Uint8Array): boolean {
  return head[8] === 0x7b && head.subarray(0, 8).includes(0) // '{' after a length below 2^56
}

/**
 * The tensors of a safetensors file, whose header is checked to describe every byte of it exactly once.
 * @throws UserError naming the file (and the tensor) when it is truncated or malformed
 */
export async function openSafetensors(bytes: Bytes): Promise<TensorFile> {
  const wrong: Wrong = what => new UserError(`${bytes.path} is not a whole safetensors file: ${what}; fetch it again`)
  if (bytes.size < 8) throw wrong(`it has ${bytes.size} bytes, fewer than the 8 of a header length`)
  const length = headerLength(await bytes.read(0, 8))
  if (length > maximumHeader) throw wrong(`its header claims ${length} bytes, more than ${maximumHeader}`)
  if (8 + length > bytes.size) throw wrong(`its header claims ${length} bytes, the file has ${bytes.size}`)

  const { entries, metadata } = parseHeader(await bytes.read(8, length), wrong)
  checkTiling(entries, bytes.size - 8 - length, wrong)
  return {
    path: bytes.path,
    format: 'safetensors',
    tensors: entries,
    metadata,
    read: async name => {
      const { dtype, range } = entries.get(name)!
      return toFloat32(dtype, await bytes.read(8 + length + range[0], range[1] - range[0]))
    },
    close: bytes.close,
  }
}

/** The first eight bytes of a file as the length of its header. */
export function headerLength({ buffer, byteOffset }: Uint8Array): number {
  return Number(new DataView(buffer, byteOffset).getBigUint64(0, true))
}

export function parseHeader(bytes: Uint8Array, wrong: Wrong) {
  let text: string
  let json: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    json = JSON.parse(text)
  } catch (error) {
    throw wrong(`its header is no JSON (${(error as Error).message.replace(/\s+/g, ' ')})`)
  }
  if (!isRecord(json)) throw wrong('its header is not a JSON object')
  const twice = repeatedKey(text)
  if (twice !== undefined) throw wrong(`two of its tensors are called ${quoted(twice)}`)
  const { __metadata__: metadata = {}, ...described } = json
  if (!isRecord(metadata) || !Object.values(metadata).every(v => typeof v === 'string')) {
    throw wrong('its __metadata__ is not a map of strings')
  }
  const entries = new Map<string, Entry>()
  for (const [name, description] of Object.entries(described)) {
    entries.set(
      name,
      parseEntry(description, what => wrong(`tensor ${quoted(name)} ${what}`)),
    )
  }
  return { entries, metadata: metadata as Record<string, string> }
}

function parseEntry(description: unknown, wrong: Wrong): Entry {
  if (!isRecord(description)) throw wrong('is not described by an object')
  const { dtype, shape, data_offsets: range } = description
  if (typeof dtype !== 'string' || !Object.hasOwn(bytesPer, dtype)) {
    throw wrong(`has dtype ${shown(dtype)}, expected one of ${Object.keys(bytesPer).join(', ')}`)
  }
  if (!isSizes(shape)) throw wrong(`has shape ${shown(shape)}, expected a list of sizes`)
  if (!isSizes(range) || range.length !== 2 || range[0]! > range[1]!) {
    throw wrong(`has data_offsets ${shown(range)}, expected [begin, end]`)
  }
  const expected = count(shape) * bytesPer[dtype as Dtype]
  if (range[1]! - range[0]! !== expected) {
    throw wrong(`has ${range[1]! - range[0]!} bytes, its shape ${shown(shape)} of ${dtype} wants ${expected}`)
  }
  return { dtype: dtype as Dtype, shape, range: [range[0]!, range[1]!] }
}

/** The ranges, in order, must tile what follows the header: no overlap, no hole, no byte missing or left over. */
export function checkTiling(entries: ReadonlyMap<string, Entry>, present: number, wrong: Wrong): void {
  let end = 0
  for (const [name, { range }] of [...entries].sort(
    ([, a], [, b]) => a.range[0] - b.range[0] || a.range[1] - b.range[1],
  )) {
    if (range[0] !== end)
      throw wrong(`tensor ${quoted(name)} begins at byte ${range[0]}, the one before it ends at ${end}`)
    end = range[1]
  }
  if (end !== present) throw wrong(`its tensors take ${end} bytes, the file has ${present} for them`)
}

/** A key that an object of JSON has twice, of which `JSON.parse` keeps the last; inner objects are not looked into. */
function repeatedKey(json: string): string | undefined {
  const keys = new Set<string>()
  let depth = 0
  // Strings, with what is escaped in them, and the brackets between them.
  for (const { 0: token, 1: colon } of json.matchAll(/"(?:[^"\\]|\\.)*"\s*(:)?|[{}[\]]/gs)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (depth === 1 && colon) {
      const key = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1))
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

// Safetensors files in memory: for small files whose tensors are of several kinds, and not all of them numbers.

/** A tensor as its bytes: little-endian, row-major. */
export interface TensorBytes {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/**
 * The bytes of a safetensors file.
 * @param tensors in the order in which their bytes follow one another
 * @param metadata strings of the header
 * @param headerBytes at least as many does the header take, filled up with spaces
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorBytes>,
  metadata: Readonly<Record<string, string>> = {},
  headerBytes = 0,
): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = { __metadata__: metadata }
  let end = 0
  for (const [name, { dtype, shape, bytes }] of tensors) {
    const begin = end
    end += bytes.length
    if (bytes.length !== count(shape) * bytesPer[dtype])
      throw new Error(`tensor '${name}' has ${bytes.length} bytes, its shape [${shape}] of ${dtype} wants others`)
    header[name] = { dtype, shape, data_offsets: [begin, end] }
  }
  const json = utf8ToBytes(JSON.stringify(header))
  const length = Math.ceil(Math.max(json.length, headerBytes) / 8) * 8
  const head = new Uint8Array(8 + length).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true)
  head.set(json, 8)
  return concatBytes(head, ...Array.from(tensors.values(), ({ bytes }) => bytes)) as Uint8Array<ArrayBuffer>
}

/**
 * The tensors of a safetensors file, as parts of its bytes.
 * @param wrong makes what is thrown of what is wrong with the file
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  wrong: Wrong,
): { tensors: ReadonlyMap<string, TensorBytes>; metadata: Readonly<Record<string, string>> } {
  if (bytes.length < 8) throw wrong(`it has ${bytes.length} bytes, fewer than the 8 of a header length`)
  const length = headerLength(bytes)
  if (8 + length > bytes.length) throw wrong(`its header claims ${length} bytes, the file has ${bytes.length}`)
  const { entries, metadata } = parseHeader(bytes.subarray(8, 8 + length), wrong)
  checkTiling(entries, bytes.length - 8 - length, wrong)
  const tensors = new Map<string, TensorBytes>()
  for (const [name, { dtype, shape, range }] of entries)
    tensors.set(name, { dtype, shape, bytes: bytes.subarray(8 + length + range[0], 8 + length + range[1]) })
  return { tensors, metadata }
}
