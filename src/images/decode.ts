/** Decoders of the formats that sharp does not read, and what tells pictures of several frames from others. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { crc32, deflateSync } from 'node:zlib'
import type { Metadata } from 'sharp'
import { webAssembly } from '../backend/web-assembly.ts'
import { once } from '../util/memoize.ts'

/** Pixels of a picture, row-major, red, green, blue and alpha in 0..255 by turns. */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

const require = createRequire(import.meta.url)

interface HeicPicture extends Pick<Pixels, 'width' | 'height'> {
  decode(): Promise<{ readonly data: Uint8ClampedArray }>
}
type DecodeHeic = (options: { buffer: Uint8Array }) => Promise<HeicPicture[] & { dispose(): void }>

/**
 * The picture of a HEIC file, turned as its container says, in the colours of its own profile.
 * @throws Error when it cannot be decoded, or holds several
 */
export async function decodeHeif(bytes: Uint8Array): Promise<Pixels> {
  const { all } = require('heic-decode') as { all: DecodeHeic }
  const pictures = await all({ buffer: bytes })
  try {
    const [picture, ...others] = pictures
    if (others.length > 0) throw new FramesError(pictures.length)
    const { data } = await picture!.decode()
    return { width: picture!.width, height: picture!.height, data: new Uint8Array(data.buffer) }
  } finally {
    pictures.dispose()
  }
}

/** Bits a pixel, and kinds of compression, that `bmp-ts` decodes right: others come out black. */
const [bmpDepths, bmpCompressions] = [
  [1, 8, 16, 24, 32],
  [0, 3],
]

/** Width and height that a BMP's header claims. @throws Error when its file does not hold so many pixels */
export function bmpSize(bytes: Uint8Array): { width: number; height: number } {
  if (bytes.length < 54) throw new Error('a BMP without its header')
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [width, height] = [header.getInt32(18, true), Math.abs(header.getInt32(22, true))]
  const row = 4 * Math.ceil((width * header.getUint16(28, true)) / 32)
  if (width < 1 || height < 1 || header.getUint32(10, true) + row * height > bytes.length)
    throw new Error(`a BMP of ${width} x ${height} pixels in ${bytes.length} bytes`)
  return { width, height }
}

/** The picture of a BMP file, opaque. @throws Error when it is of a kind that cannot be decoded */
export async function decodeBmp(bytes: Uint8Array): Promise<Pixels> {
  const { decode } = await import('bmp-ts')
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [depth, compression] = [header.getUint16(28, true), header.getUint32(30, true)]
  if (header.getUint32(14, true) < 40 || !bmpDepths!.includes(depth) || !bmpCompressions!.includes(compression))
    throw new Error(`a BMP of ${depth} bits and compression ${compression}, which is not read`)
  const { width, height, data } = decode(Buffer.from(bytes))
  const rgba = new Uint8Array(width * height * 4)
  // It gives alpha, blue, green, red.
  for (let k = 0; k < rgba.length; k += 4) rgba.set([data[k + 3]!, data[k + 2]!, data[k + 1]!, 255], k)
  return { width, height, data: rgba }
}

const jxlDecoder = once(async () => {
  const { default: decode, init } = await import('@jsquash/jxl/decode.js')
  const wasm = await readFile(require.resolve('@jsquash/jxl/codec/dec/jxl_dec.wasm'))
  await init(new webAssembly.Module(wasm) as never)
  return decode
})

/** The picture of a JPEG XL file, in sRGB. @throws Error when it cannot be decoded, or is an animation */
export async function decodeJxl(bytes: Uint8Array): Promise<Pixels> {
  if (isJxlAnimation(bytes)) throw new FramesError()
  const { width, height, data } = await (await jxlDecoder())(Uint8Array.from(bytes).buffer)
  return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
}

/** A file of several pictures: an animation, or pages. */
export class FramesError extends Error {
  /** @param frames how many, where that is known */
  constructor(readonly frames?: number) {
    super(`${frames ?? 'several'} frames or pages`)
  }
}

/** @throws FramesError unless a file that sharp reads is of one picture */
export function refuseFrames(bytes: Uint8Array, { format, pages = 1 }: Metadata): void {
  if (pages > 1) throw new FramesError(pages)
  if (format === 'png' && isAnimatedPng(bytes)) throw new FramesError()
  // A sequence of AVIF has a brand of its own; its first picture alone is seen by readers of still pictures.
  if (format === 'heif' && Buffer.from(bytes.subarray(8, 12)).toString('latin1') === 'avis') throw new FramesError()
}

/** Whether a PNG has the chunk of animations, which comes before the first picture's data. */
function isAnimatedPng(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 8; at + 8 <= bytes.length; ) {
    const name = Buffer.from(bytes.subarray(at + 4, at + 8)).toString('latin1')
    if (name === 'acTL') return true
    if (name === 'IDAT') return false
    at += 12 + view.getUint32(at)
  }
  return false
}

/** A PNG with a colour profile put into it, so that its reader takes its colours to sRGB. */
export function withProfile(png: Uint8Array, profile: Uint8Array): Buffer {
  const content = Buffer.concat([Buffer.from('profile\0\0', 'latin1'), deflateSync(profile)])
  const named = Buffer.concat([Buffer.from('iCCP', 'latin1'), content])
  const chunk = Buffer.alloc(named.length + 8)
  chunk.writeUInt32BE(content.length, 0)
  named.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(named), named.length + 4)
  // After the signature and the header, which are 8 and 25 bytes long.
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)])
}

/**
 * Whether the header of a JPEG XL picture (ISO/IEC 18181-1, C.2 and D) says that it is an animation; it would be read as its
 * first frame. One with a preview, which nothing writes, is taken for one.
 */
function isJxlAnimation(bytes: Uint8Array): boolean {
  const { read, skipSize } = jxlHeader(bytes)
  skipSize()
  const isDefault = read(1) === 1
  if (isDefault || read(1) === 0) return false
  read(3) // orientation
  if (read(1) === 1) skipSize()
  return read(1) === 1 || read(1) === 1
}

/** Width and height that a JPEG XL's header claims (ISO/IEC 18181-1, D.2), as they are stored. */
export function jxlSize(bytes: Uint8Array): { width: number; height: number } {
  return jxlHeader(bytes).size()
}

/** Sides to each other, by their numbers in headers. */
const jxlRatios = [1, 12 / 10, 4 / 3, 3 / 2, 16 / 9, 5 / 4, 2]

/** What reads a JPEG XL's header from its beginning: bits, least significant first, and sizes. */
function jxlHeader(bytes: Uint8Array) {
  let at = 8 * (jxlCodestream(bytes) + 2)
  const read = (bits: number) => {
    let value = 0
    for (let i = 0; i < bits; i++, at++) value += (((bytes[at >> 3] ?? 0) >> (at & 7)) & 1) * 2 ** i
    return value
  }
  const size = () => {
    const isSmall = read(1) === 1
    const side = () => (isSmall ? 8 * (read(5) + 1) : read([9, 13, 18, 30][read(2)]!) + 1)
    const height = side()
    const ratio = read(3)
    return { width: ratio === 0 ? side() : Math.floor(height * jxlRatios[ratio - 1]!), height }
  }
  return { read, size, skipSize: () => void size() }
}

/** Where the codestream begins, which may be in a box or in the first of several. */
function jxlCodestream(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes[0] === 0xff) return 0
  for (let at = 0; at + 8 <= bytes.length; ) {
    const [size, name] = [view.getUint32(at), Buffer.from(bytes.subarray(at + 4, at + 8)).toString('latin1')]
    const head = size === 1 ? 16 : 8
    if (name === 'jxlc') return at + head
    if (name === 'jxlp') return at + head + 4
    if (size < 2) break
    at += size
  }
  return 0
}
