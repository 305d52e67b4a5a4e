/** Safetensors files in memory: for small files whose tensors are of several kinds, and not all of them numbers. */

import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { bytesPer, count, type Dtype } from './dtype.ts'
import { checkTiling, headerLength, parseHeader } from './safetensors.ts'
import type { Wrong } from './tensor-file.ts'

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
