import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import sharp from 'sharp'
import { writeFileAtomic } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'

/** A picture in memory: sRGB bytes 0..255, row-major, three channels, no alpha and no metadata. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

export type ImageFormat = 'png' | 'jpeg' | 'webp'

/** The formats that can be written, by extension. */
export const formats: Readonly<Record<string, ImageFormat>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
}

/** Extensions of the pictures that can be read, by which a folder's pictures are known. */
export const pictureExtensions: ReadonlySet<string> = new Set([
  ...Object.keys(formats),
  '.avif',
  '.gif',
  '.tif',
  '.tiff',
])

/**
 * Reads a picture as it is meant to be seen: EXIF orientation applied, its colour profile converted to sRGB, alpha
 * flattened on white, grey widened to RGB. Of an animation, the first frame.
 * @param source a path, or the bytes of a picture file
 * @param name what to call `source` in an error
 * @throws UserError when there is no such file, or it is empty, truncated or no picture
 */
export async function readImage(
  source: string | Uint8Array,
  name = typeof source === 'string' ? source : 'the picture',
): Promise<Image> {
  const bytes = typeof source === 'string' ? await readBytes(source) : source
  if (bytes.length === 0) throw new UserError(`expected a picture, found an empty file: ${name}; give another file`)
  try {
    const { data, info } = await sharp(bytes, { failOn: 'error' })
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    return { width: info.width, height: info.height, data: toRgb(data, info.channels) }
  } catch (error) {
    throw new UserError(
      `expected a whole picture (JPEG, PNG, WebP, ...), found ${reason(error)}: ${name}; give another file`,
    )
  }
}

/**
 * Encodes a picture without any metadata: PNG and WebP without loss, JPEG with full colour resolution.
 * @param quality of JPEG
 */
export async function encodeImage(image: Image, format: ImageFormat, quality = 95): Promise<Buffer> {
  const picture = fromRaw(image) // sharp writes no metadata unless asked to
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
  const format = formats[extension]
  if (format) return format
  throw new UserError(
    `expected a file name ending in ${Object.keys(formats).join(', ')}, found '${extension}': ${path}; rename it`,
  )
}

/** Resizes to exactly `width` x `height`, antialiased: Lanczos with three lobes, the kernel widened when it shrinks. */
export async function resizeImage(image: Image, width: number, height: number): Promise<Image> {
  if (width === image.width && height === image.height) return image
  const options = { width, height, fit: 'fill', kernel: 'lanczos3', fastShrinkOnLoad: false } as const
  const data = await fromRaw(image).resize(options).raw().toBuffer()
  return { width, height, data: new Uint8Array(data) }
}

/** A picture as a tensor [1, height, width, 3] in [-1, 1]. */
export function toTensor({ data, height, width }: Image): tf.Tensor4D {
  return bytesToTensor(data, [1, height, width, 3])
}

/** Bytes 0..255 as a tensor of `shape` in [-1, 1]. */
export function bytesToTensor(bytes: Uint8Array, shape: [number, number, number, number]): tf.Tensor4D {
  const values = new Float32Array(bytes.length)
  // Ten times as fast as Float32Array.from with a function.
  for (let i = 0; i < values.length; i++) values[i] = bytes[i]! / 127.5 - 1
  return tf.tensor4d(values, shape)
}

/** The pictures of a tensor [n, height, width, 3] in [-1, 1]: rounded to bytes, values outside of the range clamped. */
export async function fromTensor(batch: tf.Tensor4D): Promise<Image[]> {
  const [count, height, width, channels] = batch.shape
  if (channels !== 3) throw new Error(`fromTensor: expected [n, height, width, 3], found [${batch.shape.join(', ')}]`)
  const values = await batch.data()
  // It clamps and rounds (ties to even).
  const bytes = new Uint8ClampedArray(values.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = (values[i]! + 1) * 127.5
  const size = height * width * 3
  return Array.from({ length: count }, (_, i) => ({
    width,
    height,
    data: new Uint8Array(bytes.buffer, i * size, size).slice(),
  }))
}

function fromRaw({ data, width, height }: Image) {
  return sharp(data, { raw: { width, height, channels: 3 } })
}

/** The bytes of a picture file. @throws UserError when it cannot be read */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new UserError(`expected a picture, found ${reason(error)}: ${path}; give the path of a picture file`)
  }
}

/** sharp keeps one channel for some grey pictures even in sRGB. */
function toRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return new Uint8Array(data)
  const rgb = new Uint8Array((data.length / channels) * 3)
  for (let i = 0; i * channels < data.length; i++) rgb.fill(data[i * channels]!, 3 * i, 3 * i + 3)
  return rgb
}

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
  return (code && known[code]) || `'${message.replace(/\s+/g, ' ').trim()}'`
}
