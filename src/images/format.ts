/** Which format a picture file is in, by what is in it: names lie. */
import { limit } from '../util/limits.ts'

/** The formats that can be read. */
export const pictureFormats = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif', 'heif', 'bmp', 'jxl'] as const
export type PictureFormat = (typeof pictureFormats)[number]

/** As people call them. */
export const formatNames: Readonly<Record<PictureFormat, string>> = {
  jpeg: 'JPEG',
  png: 'PNG',
  webp: 'WebP',
  gif: 'GIF',
  tiff: 'TIFF',
  avif: 'AVIF',
  heif: 'HEIC',
  bmp: 'BMP',
  jxl: 'JPEG XL',
}

/** How many bytes of a file `pictureFormat` looks at. */
export const headBytes = 64

/** Extensions that pictures of each format go by. */
const extensions: Readonly<Record<PictureFormat, readonly string[]>> = {
  jpeg: ['.jpg', '.jpeg', '.jpe', '.jfif', '.pjpeg', '.pjp', '.jif', '.jfi'],
  png: ['.png', '.apng'],
  webp: ['.webp'],
  gif: ['.gif'],
  tiff: ['.tif', '.tiff'],
  avif: ['.avif', '.avifs'],
  heif: ['.heic', '.heif', '.hif', '.heics', '.heifs'],
  bmp: ['.bmp', '.dib'],
  jxl: ['.jxl'],
}

/** Extensions of pictures, with their dot, in lower case. */
export const pictureExtensions: ReadonlySet<string> = new Set(Object.values(extensions).flat())

/** The format that an extension stands for; undefined where it is none of a picture's. */
export function formatOfExtension(extension: string): PictureFormat | undefined {
  return pictureFormats.find(format => extensions[format].includes(extension.toLowerCase()))
}

const ascii = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to))
const startsWith = (bytes: Uint8Array, ...start: number[]) => start.every((byte, i) => bytes[i] === byte)

/** Brands of HEIF's container (ISO/IEC 23008-12, B.4): pictures coded with HEVC, and those whose codec other brands name. */
const heifBrands = /^(hei[cmsx]|hev[cmsx]|mif1|mif2|msf1)$/

/**
 * The format of a picture file, by its first `headBytes` bytes; undefined where they are those of no picture that can be
 * read. What is text, and might make a reader fetch or run something, as SVG, is none.
 */
export function pictureFormat(head: Uint8Array): PictureFormat | undefined {
  if (startsWith(head, 0xff, 0xd8, 0xff)) return 'jpeg'
  if (startsWith(head, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'png'
  if (ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 12) === 'WEBP') return 'webp'
  if (/^GIF8[79]a$/.test(ascii(head, 0, 6))) return 'gif'
  if (/^(II[*+]\0|MM\0[*+])$/.test(ascii(head, 0, 4))) return 'tiff'
  if (startsWith(head, 0xff, 0x0a) || ascii(head, 4, 12) === 'JXL \r\n\x87\n') return 'jxl'
  // The header's size is one of a few; 'BM' alone begins many a text.
  if (ascii(head, 0, 2) === 'BM' && [12, 40, 52, 56, 64, 108, 124].includes(head[14]!) && head[15] === 0) return 'bmp'
  return ascii(head, 4, 8) === 'ftyp' ? heifFormat(head) : undefined
}

function heifFormat(head: Uint8Array): PictureFormat | undefined {
  const end = Math.min(head.length, new DataView(head.buffer, head.byteOffset).getUint32(0))
  const brands: string[] = [ascii(head, 8, 12)]
  for (let at = 16; at + 4 <= end; at += 4) brands.push(ascii(head, at, at + 4))
  if (brands.some(brand => brand === 'avif' || brand === 'avis')) return 'avif'
  return heifBrands.test(brands[0]!) ? 'heif' : undefined
}

// How much is read of pictures: the limits of util/limits.ts, by what the formats' decoders take.

/** Most pixels of a picture. */
export function mostPixels(): number {
  return limit('megapixels') * 1e6
}

/** Shares of that for formats whose decoders, in WebAssembly, take 20 and 60 bytes for each pixel. */
const shares: Partial<Record<PictureFormat, number>> = { heif: 0.3, jxl: 0.085 }

/** Most pixels of a picture of a format: of HEIC still more than phones' 48 megapixels. */
export function mostPixelsOf(format: PictureFormat): number {
  return (shares[format] ?? 1) * mostPixels()
}

/** Most bytes of a picture's file: as many as its pixels take with four channels of 16 bits. */
export function mostPictureBytes(): number {
  return 8 * mostPixels()
}

/**
 * Maximum decompression ratio of an archive entry, and the size from which it is enforced. Pictures are already compressed;
 * only blank data shrinks a thousandfold.
 */
export function mostRatio(): { readonly times: number; readonly from: number } {
  return { times: limit('ratio'), from: 16 << 20 }
}
