/** SHA-256 of files: weights are used only when they are the ones that were meant. */
import { createHash } from 'node:crypto'
import { UserError } from '../util/errors.ts'
import { openRegular } from '../util/regular-file.ts'
import { filesOf, isFolder } from './folder.ts'

/** The SHA-256, in hexadecimal, of a file's bytes; of a folder, of its files of weights one after another. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    const files = (await isFolder(path)) ? (await filesOf(path)).map(file => file.path) : [path]
    for (const name of files) {
      const { file } = await openRegular(name)
      for await (const chunk of file.createReadStream()) hash.update(chunk)
    }
  } catch (error) {
    throw error instanceof UserError ? error : new UserError(`cannot read ${path}: ${(error as Error).message}`)
  }
  return hash.digest('hex')
}

/**
 * The SHA-256 of a file that must have this one.
 * @throws UserError naming the file and both sums when it is not the one that was meant
 */
export async function verify(path: string, expected: string): Promise<string> {
  const found = await sha256(path)
  if (found !== expected.toLowerCase()) {
    throw new UserError(`${path}: expected SHA-256 ${expected}, found ${found}; fetch the file again`)
  }
  return found
}
