/** Pictures of a data set, wherever they are: a folder, a zip archive, Parquet files. */
import { extname } from 'node:path'
import { pictureExtensions } from '../../images/format.ts'

/** One picture, not read yet. */
export interface SourcePicture {
  /** Its path within the source; no two have the same. */
  readonly id: string
  /** Who it shows, where the source itself says so. */
  readonly identity?: string
  /** The part of the data set that the source puts it in: train, test, validation. */
  readonly split?: string
  /** The bytes of its file. @throws Error when they cannot be read */
  read(): Promise<Uint8Array>
}

export interface Source {
  readonly kind: 'folder' | 'zip' | 'parquet'
  /** Sorted by id, or in the order of the rows. */
  readonly pictures: readonly SourcePicture[]
  close(): Promise<void>
}

/** Whether a path within a source is that of a picture, and not of what some system left beside it. */
export function isPicture(path: string): boolean {
  const hidden = path.split('/').some(part => part.startsWith('.') || part === '__MACOSX')
  return !hidden && pictureExtensions.has(extname(path).toLowerCase())
}

/**
 * The split that a folder or a file of a path names, the outermost of several: as in train/Ann/1.jpg,
 * default/partial-train/0000.parquet, validation-00000-of-00003.parquet, but not in photos/Dev Patel/1.jpg.
 */
function splitNamed(path: string): string | undefined {
  const name = /(?:^|\/)(?:partial-)?(train|test|val|validation|dev)(?=$|[-./])/i.exec(path)?.[1]?.toLowerCase()
  return name === 'val' || name === 'dev' ? 'validation' : name
}

/** A picture whose split its path names. */
export function picture(id: string, read: () => Promise<Uint8Array>, path = id): SourcePicture {
  const split = splitNamed(path)
  return { id, ...(split && { split }), read }
}
