/** PyTorch checkpoints made by hand, byte by byte: for what PyTorch itself would not write. */

import { crc32 } from 'node:zlib'

/** A stored zip archive; `at` moves an entry's local header there, and leaves a hole before it. */
export interface Entry {
  name: string
  data: Uint8Array
  at?: number
  /** What the headers say, where it is not the truth. */
  size?: number
  method?: number
}

/** A run of bytes and where it stands in a file. */
export interface Placed {
  at: number
  bytes: Buffer
}

/** The parts of a zip64 archive, in order; between them the file is a hole. */
export function zipParts(entries: readonly Entry[]): Placed[] {
  const parts: Placed[] = []
  const directory: Buffer[] = []
  let end = 0
  for (const { name, data, at = end, size = data.length, method = 0 } of entries) {
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(45, 4)
    local.writeUInt16LE(method, 8)
    local.writeUInt32LE(crc32(data), 14)
    local.writeUInt32LE(0xffffffff, 18)
    local.writeUInt32LE(0xffffffff, 22)
    local.writeUInt16LE(Buffer.byteLength(name), 26)
    parts.push({ at, bytes: Buffer.concat([local, Buffer.from(name), data]) })
    end = at + 30 + Buffer.byteLength(name) + Math.max(size, data.length)

    const header = Buffer.alloc(46)
    header.writeUInt32LE(0x02014b50, 0)
    header.writeUInt16LE(45, 4)
    header.writeUInt16LE(45, 6)
    header.writeUInt16LE(method, 10)
    header.writeUInt32LE(crc32(data), 16)
    header.writeUInt32LE(0xffffffff, 20)
    header.writeUInt32LE(0xffffffff, 24)
    header.writeUInt16LE(Buffer.byteLength(name), 28)
    header.writeUInt16LE(28, 30)
    header.writeUInt32LE(0xffffffff, 42)
    const extra = Buffer.alloc(28)
    extra.writeUInt16LE(1, 0)
    extra.writeUInt16LE(24, 2)
    extra.writeBigUInt64LE(BigInt(size), 4)
    extra.writeBigUInt64LE(BigInt(size), 12)
    extra.writeBigUInt64LE(BigInt(at), 20)
    directory.push(header, Buffer.from(name), extra)
  }
  parts.push({ at: end, bytes: Buffer.concat([...directory, directoryEnd(entries.length, directory, end)]) })
  return parts
}

/** The records that end a zip64 archive. */
function directoryEnd(count: number, directory: readonly Buffer[], at: number): Buffer {
  const size = directory.reduce((sum, { length }) => sum + length, 0)
  const end = Buffer.alloc(56 + 20 + 22)
  end.writeUInt32LE(0x06064b50, 0)
  end.writeBigUInt64LE(44n, 4)
  end.writeUInt16LE(45, 12)
  end.writeUInt16LE(45, 14)
  end.writeBigUInt64LE(BigInt(count), 24)
  end.writeBigUInt64LE(BigInt(count), 32)
  end.writeBigUInt64LE(BigInt(size), 40)
  end.writeBigUInt64LE(BigInt(at), 48)
  end.writeUInt32LE(0x07064b50, 56)
  end.writeBigUInt64LE(BigInt(at + size), 64)
  end.writeUInt32LE(1, 72)
  end.writeUInt32LE(0x06054b50, 76)
  end.writeUInt16LE(0xffff, 84)
  end.writeUInt16LE(0xffff, 86)
  end.writeUInt32LE(0xffffffff, 88)
  end.writeUInt32LE(0xffffffff, 92)
  return end
}

/** A zip archive without holes. */
export const zip = (entries: readonly Entry[]): Buffer => Buffer.concat(zipParts(entries).map(({ bytes }) => bytes))

/** A checkpoint in the zip format: a pickle and storages by key. */
export const checkpoint = (pickle: Buffer, storages: Readonly<Record<string, Uint8Array>> = {}): Buffer =>
  zip([
    { name: 'm/data.pkl', data: pickle },
    ...Object.entries(storages).map(([key, data]) => ({ name: `m/data/${key}`, data })),
  ])

type Code = string | Buffer

/** Bytes of opcodes and arguments; a string is Latin-1. */
export const code = (...parts: readonly Code[]): Buffer =>
  Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)))

/** A whole pickle of protocol 2. */
export const pickle = (...parts: readonly Code[]): Buffer => code('\x80\x02', ...parts, '.')

/** A string. */
export const text = (value: string): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(Buffer.byteLength(value))
  return code('X', length, Buffer.from(value))
}

/** A whole number, as a LONG of 8 bytes. */
export const integer = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(value))
  return code('\x8a\x08', bytes)
}

export const global = (module: string, name: string): string => `c${module}\n${name}\n`
export const tuple = (...items: readonly Code[]): Buffer => code('(', ...items, 't')
export const integers = (values: readonly number[]): Buffer => tuple(...values.map(integer))
export const call = (callee: Code, ...args: readonly Code[]): Buffer => code(callee, tuple(...args), 'R')
export const dictionary = (entries: readonly (readonly [Code, Code])[]): Buffer => code('}(', ...entries.flat(), 'u')

/** A reference to a storage of float32 numbers. */
export const storage = (key: string, length: number, type = 'FloatStorage'): Buffer =>
  code(tuple(text('storage'), global('torch', type), text(key), text('cpu'), integer(length)), 'Q')

/** A tensor of float32 numbers. */
export function tensor(
  shape: readonly number[],
  { strides = contiguous(shape), offset = 0, key = '0', length = shape.reduce((a, b) => a * b, 1) } = {},
): Buffer {
  const rebuild = global('torch._utils', '_rebuild_tensor_v2')
  return call(rebuild, storage(key, length), integer(offset), integers(shape), integers(strides), '\x89', 'N')
}

const contiguous = (shape: readonly number[]): number[] =>
  shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1))
