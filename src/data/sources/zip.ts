import { mostPictureBytes, mostRatio } from '../../images/limits.ts'
import { UserError } from '../../util/errors.ts'
import { openBytes } from '../../weights/bytes.ts'
import { openZip } from '../../weights/zip.ts'
import { isPicture, picture, type Source } from './source.ts'

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
