/** Pictures in one file, as data sets come: a zip archive, a Parquet file. Both are stored unless it is said otherwise. */
import { crc32, deflateRawSync } from 'node:zlib'

export interface ArchivedPicture {
  readonly path: string
  readonly bytes: Uint8Array
  /** In a zip archive. */
  readonly deflated?: boolean
  /** What a zip archive says of it, where it is not the truth. */
  readonly claims?: { readonly size?: number; readonly crc?: number }
}

/** A zip archive of `pictures`, by APPNOTE.TXT 6.3.10. */
export function zipOf(pictures: readonly ArchivedPicture[]): Buffer {
  let offset = 0
  const [files, directory]: [Buffer[], Buffer[]] = [[], []]
  for (const { path, bytes, deflated = false, claims } of pictures) {
    const name = Buffer.from(path)
    const packed = deflated ? deflateRawSync(bytes) : bytes
    const about = Buffer.alloc(26) // Of version 2.0 on: no flags, method 'stored', no time.
    about.writeUInt16LE(20, 0)
    about.writeUInt16LE(deflated ? 8 : 0, 4)
    about.writeUInt32LE(claims?.crc ?? crc32(bytes), 10)
    about.writeUInt32LE(packed.length, 14)
    about.writeUInt32LE(claims?.size ?? bytes.length, 18)
    about.writeUInt16LE(name.length, 22)
    const place = Buffer.alloc(14)
    place.writeUInt32LE(offset, 10)
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), about, name, packed])
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), uint16(20), about, place, name]))
    files.push(file)
    offset += file.length
  }
  const end = Buffer.alloc(18)
  end.writeUInt16LE(pictures.length, 4)
  end.writeUInt16LE(pictures.length, 6)
  end.writeUInt32LE(Buffer.concat(directory).length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...files, ...directory, Buffer.from('PK\x05\x06'), end])
}

/** A Parquet file of one row group, and one column `image` of structs { bytes, path }, without paths unless `named`. */
export function parquetOf(pictures: readonly ArchivedPicture[], named = true): Buffer {
  const magic = Buffer.from('PAR1')
  const count = pictures.length
  const columns: [string, Buffer][] = [
    ['bytes', plain(pictures.map(({ bytes }) => bytes))],
    ['path', plain(pictures.map(({ path }) => Buffer.from(named ? path : '')))],
  ]
  let offset = magic.length
  const chunks = columns.map(([name, values]) => {
    const header = struct({
      1: i32(0), // a data page
      2: i32(values.length),
      3: i32(values.length),
      5: struct({ 1: i32(count), 2: i32(plainly), 3: i32(rle), 4: i32(rle) }),
    })
    const page = Buffer.concat([header.bytes, values])
    const about = struct({
      1: i32(byteArray),
      2: list([i32(plainly)]),
      3: list([text('image'), text(name)]),
      4: i32(uncompressed),
      5: i64(count),
      6: i64(page.length),
      7: i64(page.length),
      9: i64(offset),
    })
    const start = offset
    offset += page.length
    return { page, about: struct({ 2: i64(start), 3: about }) }
  })
  const required = i32(0)
  const footer = struct({
    1: i32(2), // of the format
    2: list([
      struct({ 4: text('schema'), 5: i32(1) }),
      struct({ 3: required, 4: text('image'), 5: i32(2) }),
      struct({ 1: i32(byteArray), 3: required, 4: text('bytes') }),
      struct({ 1: i32(byteArray), 3: required, 4: text('path'), 6: i32(utf8) }),
    ]),
    3: i64(count),
    4: list([struct({ 1: list(chunks.map(({ about }) => about)), 2: i64(offset - magic.length), 3: i64(count) })]),
  }).bytes
  const length = Buffer.alloc(4)
  length.writeUInt32LE(footer.length)
  return Buffer.concat([magic, ...chunks.map(({ page }) => page), footer, length, magic])
}

/** Numbers of the enumerations of parquet.thrift. */
const [byteArray, uncompressed, plainly, rle, utf8] = [6, 0, 0, 3, 0]

/** Values of a column, each after its length. */
function plain(values: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    values.flatMap(value => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(value.length)
      return [length, value]
    }),
  )
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

/** A value of Thrift's compact protocol, and the number of its type there. */
interface Value {
  readonly type: number
  readonly bytes: Buffer
}

const i32 = (value: number): Value => ({ type: 5, bytes: varint(2 * value) }) // zigzag
const i64 = (value: number): Value => ({ type: 6, bytes: varint(2 * value) })
const text = (value: string): Value => ({ type: 8, bytes: Buffer.concat([varint(value.length), Buffer.from(value)]) })

/** Fewer than fifteen values of one type. */
function list(values: readonly Value[]): Value {
  const head = Buffer.from([(values.length << 4) | values[0]!.type])
  return { type: 9, bytes: Buffer.concat([head, ...values.map(({ bytes }) => bytes)]) }
}

/** Values by the numbers of their fields, each written as its distance from the one before. */
function struct(fields: Readonly<Record<number, Value>>): Value {
  let last = 0
  const parts = Object.entries(fields).flatMap(([id, { type, bytes }]) => {
    const head = Buffer.from([((Number(id) - last) << 4) | type])
    last = Number(id)
    return [head, bytes]
  })
  return { type: 12, bytes: Buffer.concat([...parts, Buffer.from([0])]) }
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  return Buffer.from([...bytes, value])
}
