/**
 * Which checkpoints of a run are kept: the newest ones as step-000400.safetensors, `last.safetensors`, from which the run
 * goes on, and `best.safetensors`. The latter two are further names of the same files where the disk can do that, so
 * that they cost no room of their own.
 */
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { linkAtomic } from '../util/atomic-write.ts'
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
  if (note.score && isBetter(note.score, (await readNote(bestCheckpoint(folder)))?.score))
    await linkAtomic(path, bestCheckpoint(folder))
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

/** Steps of the checkpoints in a folder, ascending. */
async function keptSteps(folder: string): Promise<number[]> {
  const steps = (await readdir(folder)).map(name => Number(/^step-(\d+)\.safetensors$/.exec(name)?.[1] ?? Number.NaN))
  return steps.filter(Number.isInteger).sort((a, b) => a - b)
}
