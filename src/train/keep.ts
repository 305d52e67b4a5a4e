/**
 * Keeps the checkpoints of a run: the newest ones as step-000400.safetensors, `last.safetensors`, from which the run
 * resumes, and `best.safetensors`. The latter two are hard links to the same files where the file system supports them, and
 * then take no extra space.
 */
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { linkAtomic } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { type CheckpointNote, readNote, type Score, saveCheckpoint, type TrainingState } from './checkpoint.ts'

export const lastCheckpoint = (folder: string) => join(folder, 'last.safetensors')
const bestCheckpoint = (folder: string) => join(folder, 'best.safetensors')

/** A step as it stands in names of files, so that they sort. */
export const stepName = (step: number) => String(step).padStart(6, '0')

/**
 * Writes a checkpoint as the last one, and as the best one when its score is lower than that of the one so far; then
 * deletes all but the newest `keep`. Ended at any moment, it leaves a whole last checkpoint, this one or the one before.
 * @throws UserError when the folder cannot be written
 */
export async function keepCheckpoint(
  folder: string,
  state: TrainingState,
  note: CheckpointNote,
  keep: number,
): Promise<void> {
  const path = join(folder, `step-${stepName(note.step)}.safetensors`)
  await saveCheckpoint(path, state, note)
  // A best one that is damaged is none.
  const best = await readNote(bestCheckpoint(folder)).catch(() => undefined)
  if (note.score && isBetter(note.score, best?.score)) await linkAtomic(path, bestCheckpoint(folder))
  await linkAtomic(path, lastCheckpoint(folder))
  for (const step of (await keptSteps(folder)).filter(step => step <= note.step).slice(0, -keep))
    await unlink(join(folder, `step-${stepName(step)}.safetensors`))
}

/**
 * A score over other batches than the best one's says more of what the run is now asked for; one that is not finite says
 * nothing, nor does such a best one, which JSON holds as null.
 */
function isBetter(score: Score, best: Score | undefined): boolean {
  if (!Number.isFinite(score.loss)) return false
  return !best || !Number.isFinite(best.loss) || best.over !== score.over || score.loss < best.loss
}

/**
 * The checkpoint that a run in `folder` resumes from, with its metadata; undefined for a new run.
 * @param asked a checkpoint other than the last
 * @throws UserError when it is damaged, naming the newest older one that is intact, or when the requested one is absent
 */
export async function checkpointToResume(
  folder: string,
  asked?: string,
): Promise<{ path: string; note: CheckpointNote } | undefined> {
  const path = asked ?? lastCheckpoint(folder)
  const note = await readNote(path).catch(async error => {
    if (!(error instanceof UserError) || asked !== undefined) throw error
    const whole = await newestWhole(folder)
    throw new UserError(
      `${error.message}: ${whole ? `${whole} is intact: resume from it with --resume-from ${whole}` : 'no older checkpoint in its folder is intact'}`,
    )
  })
  if (note) return { path, note }
  if (asked === undefined) return undefined
  throw new UserError(`expected a checkpoint at ${asked}, found no file: name one of ${folder}/step-*.safetensors`)
}

/** The newest checkpoint in a folder, the best one among them, that has all its bytes. */
async function newestWhole(folder: string): Promise<string | undefined> {
  const steps = (await keptSteps(folder)).reverse().map(step => join(folder, `step-${stepName(step)}.safetensors`))
  for (const path of [...steps, bestCheckpoint(folder)]) {
    const note = await readNote(path).catch(() => undefined)
    if (note) return path
  }
  return undefined
}

/** Steps of the checkpoints in a folder, ascending. */
async function keptSteps(folder: string): Promise<number[]> {
  const steps = (await readdir(folder)).map(name => Number(/^step-(\d+)\.safetensors$/.exec(name)?.[1] ?? Number.NaN))
  return steps.filter(Number.isInteger).sort((a, b) => a - b)
}
