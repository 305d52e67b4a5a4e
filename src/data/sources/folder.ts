import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { readBytes } from '../../images/codec.ts'
import { isPicture, picture, type Source } from './source.ts'

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
