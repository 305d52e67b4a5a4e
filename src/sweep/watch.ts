/** A sweep in TensorBoard and MLflow: a run for the sweep, and nested in it one for each point that is finished. */
import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { SweepConfig } from '../config/sweep.ts'
import { eventFolder, watchers } from '../tracking/open.ts'
import type { Outcome as End } from '../tracking/tracker.ts'
import { makeFolder } from '../util/atomic-write.ts'
import { flatten } from '../yaml/merge.ts'
import { pointFolder } from './folder.ts'
import { aimOf, type SweepPoint } from './run.ts'

export interface SweepWatch {
  /** Tells of those points that are finished and have not been told of; returns at once. */
  tell(points: readonly SweepPoint[]): void
  /** Hands over the files of the report, and delivers what is still to be, within a time limit. */
  finish(end: End, files: readonly string[]): Promise<void>
}

/**
 * @param out the sweep's folder; what is told of a point is kept in the point's until it is delivered
 * @param specs as openTrackers takes them
 * @param say told once of the sweep, and once of all points, when one of them fails
 * @throws UserError for a spec that is none
 */
export async function watchSweep(
  config: SweepConfig,
  out: string,
  specs: readonly string[],
  say: (message: string) => void,
): Promise<SweepWatch> {
  const tags = { task: config.task, title: config.title }
  const compared = [aimOf(config.privacy).name, aimOf(config.utility).name, ...config.measures]
  await makeFolder(out)
  const sweep = watchers(specs, out, say)
  await sweep.start({ name: basename(resolve(out)), params: flatten(config), tags, compared, step: 0 })

  let hasSaid = false
  const sayOnce = (message: string) => {
    if (!hasSaid) say(message)
    hasSaid = true
  }
  const told = new Map<string, Promise<void>>()
  const tellOf = async (point: SweepPoint) => {
    const folder = pointFolder(out, point)
    const untold = specs.filter(spec => !isTold(spec, folder))
    if (untold.length === 0) return
    const run = watchers(untold, folder, sayOnce, out)
    const params = { ...point.settings, faces: point.count }
    await run.start({
      name: basename(folder),
      params,
      tags: { ...tags, point: String(point.number) },
      compared,
      step: 0,
    })
    const { outcome } = point
    if (outcome?.state === 'failed') run.text(0, 'error', outcome.error)
    if (outcome?.state === 'done') {
      run.scalars(0, Object.fromEntries(outcome.measures.map(({ name, value }) => [name, value])))
      run.artifact(join(folder, 'metrics.json'))
    }
    await run.finish(outcome?.state === 'failed' ? 'failed' : 'finished')
  }
  return {
    tell(points) {
      for (const point of points)
        if (point.outcome && !told.has(point.id))
          told.set(
            point.id,
            tellOf(point).catch(error => sayOnce(error.message)),
          )
    },
    async finish(end, files) {
      for (const file of files) sweep.artifact(file)
      await Promise.all([sweep.finish(end), ...told.values()])
    },
  }
}

/** Whether all of a point was told before: by the sweep that this one goes on with. */
function isTold(spec: string, folder: string): boolean {
  const [kind, place] = spec.split('=')
  if (kind === 'tensorboard') return existsSync(eventFolder(place, folder, dirname(folder)))
  return existsSync(join(folder, 'mlflow.json')) && !existsSync(join(folder, 'mlflow-undelivered.jsonl'))
}
