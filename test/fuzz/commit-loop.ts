/**
 * Writes a protected picture and its key again and again into a folder, each version over the one before, and says each
 * version's number when it is there: a process to be killed. Arguments: the folder, the first number.
 */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { writeProtected } from '../../src/pipeline/protect-file.ts'
import { versionKey, versionPhoto } from './versions.ts'

const [folder, first] = process.argv.slice(2) as [string, string]
for (let version = Number(first); ; version++) {
  await writeProtected({ faces: [{ key: versionKey(version) }], photos: [versionPhoto(version)] }, [
    join(folder, 'a.png'),
  ])
  writeSync(1, `${version}\n`)
}
