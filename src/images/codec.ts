/** Picture files in Node, by sharp and decoders for what that does not read. */
import { extname } from 'node:path'
import sharp, { type Metadata } from 'sharp'
import { writeFileAtomic } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { raising } from '../util/limits.ts'
import { readRegular } from '../util/regular-file.ts'
import {
  bmpSize,
  decodeBmp,
  decodeHeif,
  decodeJxl,
  FramesError,
  jxlSize,
  type Pixels,
  refuseFrames,
  withProfile,
} from './decode.ts'
import {
  formatNames,
  formatOfExtension,
  headBytes,
  mostPictureBytes,
  mostPixels,
  mostPixelsOf,
  type PictureFormat,
  pictureFormat,
  pictureFormats,
} from './format.ts'
import type { Image } from './image.ts'

export type ImageFormat = 'png' | 'jpeg' | 'webp'

/** The formats that can be written. */
const written: readonly ImageFormat[] = ['png', 'jpeg', 'webp']

/** How a picture of several formats is named to people. */
const readable = pictureFormats.map(format => formatNames[format]).join(', ')

/**
 * Reads a picture as it is meant to be seen: EXIF orientation applied, its colour profile converted to sRGB, on white where
 * it is transparent, grey widened to RGB. Its format is that of its bytes, whatever its name.
 * @param source a path, or the bytes of a picture file
 * @param name what to call `source` in an error
 * @throws UserError when there is no such file, or it is empty, truncated, no picture or several (an animation, or
 *   pages), or has more than `mostPixels`
 */
export async function readImage(
  source: string | Uint8Array,
  name = typeof source === 'string' ? source : 'the picture',
): Promise<Image> {
  const bytes = typeof source === 'string' ? await readBytes(source) : source
  if (bytes.length === 0) throw new UserError(`expected a picture, found an empty file: ${name}; give another file`)
  try {
    return fromPixels(await decode(bytes, name))
  } catch (error) {
    if (error instanceof UserError) throw error
    // Protecting the first alone would drop or show the others.
    if (error instanceof FramesError)
      throw new UserError(
        `expected one picture, found ${error.message} (an animation?): ${name}; save those that you need one by one`,
      )
    throw new UserError(`expected a whole picture (${readable}), found ${reason(error)}: ${name}; give another file`)
  }
}

/**
 * Width and height that a picture's header claims, before anything is decoded; undefined where it is none that is read.
 * @throws UserError when the file cannot be read
 */
export async function pictureSize(path: string): Promise<{ width: number; height: number } | undefined> {
  const bytes = await readBytes(path)
  try {
    const format = pictureFormat(bytes.subarray(0, headBytes))
    if (!format) return undefined
    if (format === 'bmp') return bmpSize(bytes)
    if (format === 'jxl') return jxlSize(bytes)
    const { width, height } = await sharp(bytes, unlimited).metadata()
    return { width, height }
  } catch {
    return undefined // Who decodes it says why.
  }
}

async function decode(bytes: Uint8Array, name: string): Promise<Pixels & { readonly channels: number }> {
  const format = pictureFormat(bytes.subarray(0, headBytes))
  if (!format) throw new Error('a file of another kind')
  if (format === 'bmp') {
    checkSize(bmpSize(bytes), name, format)
    return { ...(await decodeBmp(bytes)), channels: 4 }
  }
  if (format === 'jxl') {
    checkSize(jxlSize(bytes), name, format)
    return { ...(await decodeJxl(bytes)), channels: 4 }
  }
  const header = await sharp(bytes, unlimited).metadata()
  checkDecoder(header)
  checkSize(header, name, format)
  const picture = format === 'heif' ? await heifAsPng(bytes, header) : bytes
  refuseFrames(picture, format === 'heif' ? { ...header, pages: 1, format: 'png' } : header)
  const { data, info } = await sharp(picture, { ...unlimited, failOn: 'error' })
    .autoOrient()
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data, channels: info.channels }
}

/** The limit is `checkSize`'s, which says how to raise it. */
const unlimited = { limitInputPixels: false } as const

/** What sharp calls the formats that it is given. */
const decoders: ReadonlySet<string> = new Set(['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif'])

/** A file may begin as one format and be taken for another by sharp, which would render SVG. */
function checkDecoder({ format }: Metadata): void {
  if (!decoders.has(format ?? '')) throw new Error(`a file of format ${format}`)
}

/** Before any pixel is decoded. @throws UserError for a picture of more than `mostPixels` */
function checkSize(
  { width = 0, height = 0 }: { width?: number; height?: number },
  name: string,
  format: PictureFormat,
): void {
  const [pixels, most] = [width * height, mostPixelsOf(format)]
  if (pixels > most)
    throw new UserError(
      `expected a ${formatNames[format]} picture of at most ${Number((most / 1e6).toPrecision(3))} megapixels, found ${width} x ${height}: ${name}; ${raising('megapixels', ((pixels / most) * mostPixels()) / 1e6)}`,
    )
}

/** What phones make: sharp reads its header only. */
async function heifAsPng(bytes: Uint8Array, { icc }: Pick<Metadata, 'icc'>): Promise<Uint8Array> {
  const { data, width, height } = await decodeHeif(bytes)
  const png = await sharp(data, { raw: { width, height, channels: 4 } })
    .png({ compressionLevel: 0 })
    .toBuffer()
  return icc ? withProfile(png, icc) : png
}

/**
 * Encodes a picture without any metadata: PNG and WebP without loss and with its transparency, JPEG on white with full
 * colour resolution.
 * @param quality of JPEG
 */
export async function encodeImage(image: Image, format: ImageFormat, quality = 95): Promise<Buffer> {
  // sharp writes no metadata unless asked to.
  const picture = image.alpha && format !== 'jpeg' ? fromRgba(image, image.alpha) : fromRaw(image)
  if (format === 'png') return picture.png().toBuffer()
  if (format === 'webp') return picture.webp({ lossless: true }).toBuffer()
  return picture.jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer()
}

/**
 * Writes a picture in the format that the path's extension names. The file appears whole or not at all.
 * @throws UserError when the extension is unknown or the file cannot be written
 */
export async function writeImage(path: string, image: Image): Promise<void> {
  await writeFileAtomic(path, await encodeImage(image, formatOf(path)))
}

/**
 * The format that a path's extension names.
 * @throws UserError when it names none
 */
export function formatOf(path: string): ImageFormat {
  const extension = extname(path).toLowerCase()
  const format = writtenAs(extension)
  if (format) return format
  throw new UserError(`expected a file name ending in .png, .jpg, .webp, found '${extension}': ${path}; rename it`)
}

/** The format that files of an extension are written in; undefined where they cannot be. */
export function writtenAs(extension: string): ImageFormat | undefined {
  const format = formatOfExtension(extension)
  return extension.toLowerCase() === '.apng' ? undefined : written.find(each => each === format)
}

/** Resizes to exactly `width` x `height`, antialiased: Lanczos with three lobes, the kernel widened when it shrinks. */
export async function resizeImage(image: Image, width: number, height: number): Promise<Image> {
  if (width === image.width && height === image.height) return image
  const options = { width, height, fit: 'fill', kernel: 'lanczos3', fastShrinkOnLoad: false } as const
  const data = await fromRaw(image).resize(options).raw().toBuffer()
  return { width, height, data: new Uint8Array(data) }
}

function fromRaw({ data, width, height }: Image) {
  return sharp(data, { raw: { width, height, channels: 3 } })
}

/** The bytes of a picture file. @throws UserError when it cannot be read */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readRegular(path, mostPictureBytes())
  } catch (error) {
    throw new UserError(`expected a picture, found ${reason(error)}: ${path}; give the path of a picture file`)
  }
}

/** A picture with straight colours under its alpha, which on white show it: where it is clear, nothing lies hidden. */
function fromRgba({ data, width, height }: Image, alpha: Uint8Array) {
  const rgba = new Uint8ClampedArray(alpha.length * 4)
  for (let i = 0; i < alpha.length; i++) {
    const a = alpha[i]!
    for (let c = 0; c < 3; c++) rgba[4 * i + c] = a === 0 ? 255 : Math.round((255 * (data[3 * i + c]! - 255 + a)) / a)
    rgba[4 * i + 3] = a
  }
  return sharp(rgba, { raw: { width, height, channels: 4 } })
}

/**
 * Grey widened to RGB, and pixels that are not opaque put on white. Of a large picture there is no room for a second one: four
 * channels become three in their place.
 */
function fromPixels({ width, height, data, channels }: Pixels & { readonly channels: number }): Image {
  const count = width * height
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.length)
  if (channels === 3) return { width, height, data: bytes }
  const isGrey = channels < 3
  const hasAlpha = channels % 2 === 0
  const rgb = isGrey ? new Uint8Array(3 * count) : bytes.subarray(0, 3 * count)
  let alpha: Uint8Array | undefined
  for (let i = 0, from = 0, to = 0; i < count; i++, from += channels, to += 3) {
    const red = bytes[from]!
    const green = isGrey ? red : bytes[from + 1]!
    const blue = isGrey ? red : bytes[from + 2]!
    const a = hasAlpha ? bytes[from + channels - 1]! : 255
    if (a < 255) alpha ??= new Uint8Array(count).fill(255, 0, i)
    if (alpha) alpha[i] = a
    rgb[to] = a === 255 ? red : onWhite(red, a)
    rgb[to + 1] = a === 255 ? green : onWhite(green, a)
    rgb[to + 2] = a === 255 ? blue : onWhite(blue, a)
  }
  return { width, height, data: rgb, ...(alpha && { alpha }) }
}

const onWhite = (value: number, alpha: number) => Math.round((value * alpha + 255 * (255 - alpha)) / 255)

/** An error of Node or libvips in a few words on one line. */
function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'no such file or folder',
    EISDIR: 'a folder',
    ENOTDIR: 'a file where a folder should be',
    EACCES: 'no permission',
    EROFS: 'a read-only disk',
    ENOSPC: 'a full disk',
  }
  if (code === 'ENOTREG' || code === 'EFBIG') return message.replace(/^it is /, '').replace(/^it has/, 'a file of')
  return (code && known[code]) || `'${message.replace(/\s+/g, ' ').trim()}'`
}
