/** How much is read of files that others made. The defaults are above any real photo's; options raise them. */
import { UserError } from '../util/errors.ts'
import type { PictureFormat } from './picture-format.ts'

/** Says the limit to processes that this one starts. */
const variable = 'DIFF_PRIVACY_MAX_MEGAPIXELS'

/** Photos of today's cameras have up to 200 megapixels. */
const defaultMegapixels = 210

/** Most pixels of a picture. */
export function mostPixels(): number {
  const megapixels = Number(process.env[variable])
  return (megapixels > 0 ? megapixels : defaultMegapixels) * 1e6
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
 * Sets the limit for this process and those that it starts.
 * @throws UserError unless it is a number above 0
 */
export function setMostMegapixels(megapixels: number): void {
  if (!(megapixels > 0 && Number.isFinite(megapixels)))
    throw new UserError(`expected --max-megapixels above 0, found ${megapixels}`)
  process.env[variable] = String(megapixels)
}

/** Most pictures of an archive or a Parquet file. */
export const mostEntries = 5_000_000

/**
 * How many times as large as in the archive an entry may be, and from which size on that counts: pictures are compressed
 * already, and only emptiness gets a thousand times smaller.
 */
export const mostRatio = { times: 200, from: 16 << 20 }
