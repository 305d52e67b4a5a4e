/** Where protected and recovered pictures and their keys are written, and in which format. */
import { existsSync } from 'node:fs'
import type { Recipe } from '../config/recipe.ts'
import { encodeImage, formatOf } from '../images/codec.ts'
import type { Image } from '../images/image.ts'
import { UserError } from '../util/errors.ts'
import { extensionFor, outputPath, type PictureFile } from './inputs.ts'

/** Where the key of a protected picture is. */
export function keyPath(picture: string): string {
  return `${picture}.dpkey`
}

/** Whether a picture of a folder is one that we protected, so that protecting the folder again leaves it alone. */
export function isProtected(path: string): boolean {
  return existsSync(keyPath(path)) || /\.(anonymized|hidden)(-\d+)?\.[^.]+$/.test(path)
}

/** Where the protected versions of a picture go, one a sample: NAME.anonymized.jpg, or NAME.anonymized-1.jpg and so on. */
export function protectedPaths(
  file: PictureFile,
  { task, samples }: Pick<Recipe, 'task' | 'samples'>,
  { out, format }: { out: string; format?: 'png' | 'jpg' | 'webp' },
): string[] {
  const suffix = { anonymize: 'anonymized', hide: 'hidden' }[task]
  const extension = extensionFor(file.path, format)
  return Array.from({ length: samples }, (_, i) =>
    outputPath(file, out, samples === 1 ? suffix : `${suffix}-${i + 1}`, extension),
  )
}

/** Where a recovered picture goes: NAME.anonymized.recovered.jpg. */
export function recoveredPath(file: PictureFile, out: string): string {
  return outputPath(file, out, 'recovered', extensionFor(file.path))
}

/**
 * A picture in the format of a path's extension.
 * @throws UserError when that cannot hold it, as WebP more than 16383 pixels a side
 */
export async function encodeFor(image: Image, path: string, quality?: number): Promise<Buffer> {
  return encodeImage(image, formatOf(path), quality).catch((error: Error) => {
    throw new UserError(`cannot write ${path}: ${error.message}: choose another --format`)
  })
}
