/** Writes onto a disk that fills up, and looks whether what was finished is still there. */
import { execFileSync } from 'node:child_process'
import { mkdir, rm, statfs, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeProtected } from '../../src/pipeline/protect-file.ts'
import { UserError } from '../../src/util/errors.ts'
import { versionIn, versionKey, versionPhoto } from './versions.ts'

export interface FullDisk {
  /** How often a write was tried, each time with a page more of room. */
  readonly tries: number
  readonly refused: number
  readonly problems: readonly string[]
}

/**
 * A small disk in memory at `folder`, for `work`.
 * @returns undefined where none can be mounted: that takes Linux and root
 */
export async function onSmallDisk<T>(folder: string, work: () => Promise<T>): Promise<T | undefined> {
  await mkdir(folder, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  try {
    return await work()
  } finally {
    execFileSync('umount', [folder])
  }
}

/** Writes version after version with every amount of room from none to enough. @param folder on a small disk */
export async function fillDisk(folder: string): Promise<FullDisk> {
  const problems: string[] = []
  let [tries, refused, there] = [0, 0, 0]
  const write = (version: number) =>
    writeProtected({ faces: [{ key: versionKey(version) }], photos: [versionPhoto(version)] }, [join(folder, 'a.png')])
  await write(++there)
  const filler = join(folder, 'filler')
  for (let pages = 0; pages < 12; pages++) {
    await rm(filler, { force: true })
    const { bsize, bavail } = await statfs(folder)
    await writeFile(filler, Buffer.alloc(bsize * Math.max(0, bavail - pages)))
    tries++
    try {
      await write(there + 1)
      there++
    } catch (error) {
      refused++
      const { message } = error as Error
      if (!(error instanceof UserError && /the disk is full/.test(message))) problems.push(`${pages} pages: ${message}`)
    }
    await truncate(filler, 0)
    const found = await versionIn(folder).catch((error: Error) => error.message)
    if (found !== there) problems.push(`${pages} pages: expected version ${there}, found ${found}`)
  }
  return { tries, refused, problems }
}
