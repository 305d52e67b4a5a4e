/** The record of a run that protects photos, which grows by a photo each time its picture and key are put in their places. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { guideNames, type Recipe } from '../config/recipe.ts'
import { isEncrypting } from '../keys/age.ts'
import { commitFiles, type PendingFile } from '../util/commit-files.ts'
import type { Secret } from '../util/random.ts'
import { keyPath } from './files.ts'
import type { Safeguards } from './photo.ts'
import type { KeyContents } from './protect-file.ts'
import { pathFrom, type RunRecord, readRuns, recordLocked, recordWith } from './run-record.ts'

/** A photo that was protected, and with what. */
export interface RecordedPhoto extends Pick<RunRecord, 'software' | 'weights'> {
  readonly path: string
  /** The file that was read there. */
  readonly bytes: Uint8Array
  readonly secret?: Secret | undefined
}

/** Puts the pictures and keys of a photo in their places, and the record with them. */
export type CommitPhoto = (photo: RecordedPhoto, files: readonly PendingFile[]) => Promise<void>

/**
 * Begins the record of a run in the folder of its results.
 * @returns what commits a photo: its files and the record that names them together, all or none; photos may be given side
 * by side. Each machine's software has a run of its own, as the photos of a queue may go to several
 */
export function recordPhotos(
  out: string,
  recipe: Recipe,
  { encryption = {}, exact }: KeyContents,
  safeguards: Safeguards,
): CommitPhoto {
  const runs = new Map<string, RunRecord>()
  let encrypted: string | undefined
  let last: Promise<unknown> = Promise.resolve()

  const commit = async ({ path, bytes, secret, software, weights }: RecordedPhoto, files: readonly PendingFile[]) => {
    const key = JSON.stringify({ software, weights })
    const keys = new Set(files.map(file => keyPath(file.path)))
    const outputs = files.filter(file => !keys.has(file.path))
    // Each picture before its key, which is recorded only in the clear: encryption is never twice the same.
    const recorded = outputs.flatMap(output => [
      output,
      ...(isEncrypting(encryption) ? [] : files.filter(file => file.path === keyPath(output.path))),
    ])
    const photo = {
      photo: pathFrom(out, path),
      ...(secret && { secret }),
      outputs: outputs.map(file => pathFrom(out, file.path)),
    }
    const sums = recorded.map(file => ({ path: pathFrom(out, file.path), sha256: sha256Of(file.data) }))
    const earlier = runs.get(key)
    const photos = [...((earlier?.settings.photos as (typeof photo)[] | undefined) ?? []), photo]
    const run: RunRecord = {
      format: 1,
      command: recipe.task,
      settings: { recipe, ...safeguards, ...(exact && { exact }), photos },
      software,
      weights,
      inputs: [...(earlier?.inputs ?? []), { path: photo.photo, sha256: sha256Of(bytes) }],
      outputs: [...(earlier?.outputs ?? []), ...sums],
    }
    const replaced = [...runs.values()]
    const now = [...new Map([...runs, [key, run]]).values()]
    await recordLocked(out, async () => {
      const record = await recordWith(out, now, encryption, replaced, encrypted)
      await commitFiles(out, [...files, record])
      if (isEncrypting(encryption)) encrypted = record.path
    })
    runs.set(key, run)
  }
  return (photo, files) => {
    const mine = last.then(() => commit(photo, files))
    last = mine.catch(() => {})
    return mine
  }
}

function sha256Of(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

const settingsSchema = z.object({
  check: z.literal(true),
  recipe: z.object({ guide: z.union([z.string(), z.array(z.string())]) }),
})

/**
 * The recognizers that checked the protected pictures of a folder, and so are held out of them no more; none where the
 * folder has no record, or was made without a check.
 */
export async function checkedBy(folder: string): Promise<string[]> {
  const runs = await readRuns(folder).catch(() => [])
  const names = runs.flatMap(({ settings, weights }) => {
    const { success, data } = settingsSchema.safeParse(settings)
    if (!success) return []
    const guides = [data.recipe.guide].flat()
    return guideNames.filter(name => name in weights && !guides.includes(name))
  })
  return [...new Set(names)]
}
