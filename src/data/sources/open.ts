import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, sep } from 'node:path'
import { readBytes } from '../../images/codec.ts'
import { mostPictureBytes, mostRatio } from '../../images/format.ts'
import { UserError } from '../../util/errors.ts'
import { openBytes } from '../../weights/bytes.ts'
import { openZip } from '../../weights/zip.ts'
import { parquetSource } from './parquet.ts'
import { isPicture, picture, type Source } from './source.ts'

/**
 * Opens what is at `path`: a zip archive, a Parquet file, a folder with Parquet files in it, or a folder of pictures.
 * @param identityColumn of Parquet files: the column that says who a picture shows
 * @throws UserError when there is nothing, nothing of these, or no picture in it
 */
export async function openSource(path: string, identityColumn?: string): Promise<Source> {
  const source = await openKind(path, identityColumn)
  if (source.pictures.length > 0) return source
  await source.close()
  const archives = source.kind === 'folder' ? (await readdir(path)).filter(name => extname(name) === '.zip') : []
  const hint = archives.length > 0 ? `, but ${archives.join(', ')}: give that` : ': give another --from'
  throw new UserError(`expected pictures in ${path}, found none${hint}`)
}

async function openKind(path: string, identityColumn: string | undefined): Promise<Source> {
  const found = await stat(path).catch(() => {
    throw new UserError(
      `expected a folder, a zip archive or Parquet files, found nothing at ${path}: give another --from`,
    )
  })
  if (found.isDirectory()) {
    const shards = (await readdir(path, { recursive: true })).filter(name => extname(name) === '.parquet').sort()
    return shards.length > 0 ? parquetSource(path, shards, identityColumn) : folderSource(path)
  }
  const extension = extname(path).toLowerCase()
  if (extension === '.zip') return zipSource(path)
  if (extension === '.parquet') return parquetSource(dirname(path), [basename(path)], identityColumn)
  throw new UserError(`expected a folder, a .zip or a .parquet file, found ${path}: unpack it and give the folder`)
}

/** Every picture below a folder. */
export async function folderSource(folder: string): Promise<Source> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const ids = entries
    .filter(entry => !entry.isDirectory()) // links too
    .map(entry => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .filter(isPicture)
    .sort()
  const pictures = ids.map(id => picture(id, () => readBytes(join(folder, id))))
  return { kind: 'folder', pictures, close: async () => {} }
}

/**
 * Every picture of a zip archive, zip64 included. The archive's directory is read at once, a picture when it is asked for, and
 * compared with its checksum.
 * @throws UserError when it is no zip archive, or a part of one
 */
export async function zipSource(path: string): Promise<Source> {
  const bytes = await openBytes(path)
  const wrong = (what: string) =>
    new UserError(
      `expected a whole zip archive, found '${what}': ${path}; fetch it again, or unpack it and give the folder`,
    )
  try {
    const entries = await openZip(bytes, wrong, 'entries')
    const pictures = [...entries.keys()]
      .filter(isPicture)
      .sort()
      .map(id => picture(id, () => entries.get(id)!.read({ most: mostPictureBytes(), ratio: mostRatio() })))
    return { kind: 'zip', pictures, close: bytes.close }
  } catch (error) {
    await bytes.close()
    throw error
  }
}
