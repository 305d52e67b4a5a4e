import { buffer } from 'node:stream/consumers'
import { type Entry, openPromise } from 'yauzl'
import { UserError } from '../../util/errors.ts'
import { isPicture, picture, type Source } from './source.ts'

/**
 * Every picture of a zip archive, zip64 included. The archive's directory is read at once, a picture when it is asked for.
 * @throws UserError when it is no zip archive, or a part of one
 */
export async function zipSource(path: string): Promise<Source> {
  try {
    const archive = await openPromise(path, { autoClose: false })
    const entries = new Map<string, Entry>()
    for await (const entry of archive.eachEntry()) if (isPicture(entry.fileName)) entries.set(entry.fileName, entry)
    const pictures = [...entries.keys()]
      .sort()
      .map(id => picture(id, async () => buffer(await archive.openReadStreamPromise(entries.get(id)!))))
    return { kind: 'zip', pictures, close: async () => archive.close() }
  } catch (error) {
    throw new UserError(
      `expected a whole zip archive, found '${(error as Error).message}': ${path}; fetch it again, or unpack it and give the folder`,
    )
  }
}
