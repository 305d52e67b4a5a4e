import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname } from 'node:path'
import { UserError } from '../../util/errors.ts'
import { folderSource } from './folder.ts'
import { parquetSource } from './parquet.ts'
import type { Source } from './source.ts'
import { zipSource } from './zip.ts'

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
