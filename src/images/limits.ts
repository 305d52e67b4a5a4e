/** How much is read of pictures: the limits of util/limits.ts, by what the formats' decoders take. */
import { limit } from '../util/limits.ts'
import type { PictureFormat } from './format.ts'

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
 * How many times as large as in the archive an entry may be, and from which size on that counts: pictures are compressed
 * already, and only emptiness gets a thousand times smaller.
 */
export function mostRatio(): { readonly times: number; readonly from: number } {
  return { times: limit('ratio'), from: 16 << 20 }
}
