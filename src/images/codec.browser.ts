/** Picture files in a browser, by its own decoders, and resizing. @see codec.ts */
import { UserError } from '../util/errors.ts'
import type { Image } from './image.ts'
import { resample } from './resample.ts'

export type ImageFormat = 'png' | 'jpeg' | 'webp'

/**
 * The picture in a file of any format that the browser reads, or HEIC. EXIF orientation and colour profile are applied; where
 * a picture is transparent, it is shown on white.
 * @throws UserError when there is none
 */
export async function readImage(source: Uint8Array, name = 'the picture'): Promise<Image> {
  const {
    width,
    height,
    data: rgba,
  } = await (isHeic(source) ? decodeHeic(source) : decodeByBrowser(source)).catch(() => {
    throw new UserError(`expected a whole picture that this browser reads, found none: ${name}; give another file`)
  })
  const data = new Uint8Array(3 * width * height)
  let alpha: Uint8Array | undefined
  for (let i = 0; i < width * height; i++) {
    const a = rgba[4 * i + 3]!
    if (a < 255) alpha ??= new Uint8Array(width * height).fill(255, 0, i)
    if (alpha) alpha[i] = a
    for (let c = 0; c < 3; c++) data[3 * i + c] = Math.round((rgba[4 * i + c]! * a + 255 * (255 - a)) / 255)
  }
  return { width, height, data, ...(alpha && { alpha }) }
}

/** Pixels as RGBA. */
interface Pixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8ClampedArray
}

async function decodeByBrowser(source: Uint8Array): Promise<Pixels> {
  const bitmap = await createImageBitmap(new Blob([source as BlobPart]), { imageOrientation: 'from-image' })
  const { width, height } = bitmap
  const context = contextOf(width, height)
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  return context.getImageData(0, 0, width, height)
}

/** Whether a file's brand is of HEIC, which phones write and few browsers read. */
function isHeic(source: Uint8Array): boolean {
  const brand = new TextDecoder('latin1').decode(source.subarray(4, 12))
  return /^ftyp(heic|heix|heim|heis|mif1|msf1)$/.test(brand)
}

async function decodeHeic(source: Uint8Array): Promise<Pixels> {
  const { default: decode } = await import('heic-decode')
  return decode({ buffer: source })
}

/** @param quality of JPEG, 1 to 100, as the browser takes it; other formats are written without loss where it can */
export async function encodeImage(
  { width, height, data, alpha }: Image,
  format: ImageFormat,
  quality = 95,
): Promise<Uint8Array<ArrayBuffer>> {
  const context = contextOf(width, height)
  const pixels = context.createImageData(width, height)
  for (let i = 0; i < width * height; i++) {
    const a = format === 'jpeg' ? 255 : (alpha?.[i] ?? 255)
    for (let c = 0; c < 3; c++) {
      const value = data[3 * i + c]!
      pixels.data[4 * i + c] = a === 0 ? 255 : Math.round((255 * (value - 255 + a)) / a)
    }
    pixels.data[4 * i + 3] = a
  }
  context.putImageData(pixels, 0, 0)
  const lossless = format === 'webp' ? 1 : quality / 100
  const blob = await context.canvas.convertToBlob({ type: `image/${format}`, quality: lossless })
  if (blob.type !== `image/${format}`)
    throw new UserError(`expected a browser that writes ${format}, found one that does not: choose png`)
  return new Uint8Array(await blob.arrayBuffer())
}

export async function resizeImage(image: Image, width: number, height: number): Promise<Image> {
  return width === image.width && height === image.height ? image : resample(image, width, height)
}

function contextOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' })
  if (!context) throw new UserError(`expected room for a picture of ${width} x ${height}, found none in this browser`)
  return context
}
