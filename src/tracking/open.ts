import { basename, join } from 'node:path'
import { UserError } from '../util/errors.ts'
import { mlflowTracker } from './mlflow.ts'
import { tensorboardTracker } from './tensorboard.ts'
import { all, folderTracker, type Tracker } from './tracker.ts'

/**
 * The run's folder and what else it is watched in.
 * @param specs and `say` as watchers takes them
 * @throws UserError as watchers does
 */
export function openTrackers(specs: readonly string[], folder: string, say: (message: string) => void): Tracker {
  return all([folderTracker(folder, say), watchers(specs, folder, say)])
}

/**
 * What a run is watched in besides its folder.
 * @param specs 'tensorboard' (event files in FOLDER/tensorboard), 'tensorboard=FOLDER', 'mlflow' (the server that
 *   MLFLOW_TRACKING_URI names) or 'mlflow=http://HOST:PORT'; each once
 * @param say told once when one of them fails
 * @param parent folder of the run, watched in the same places, that this one is nested in, as a point is in its sweep
 * @throws UserError for a spec that is none of these
 */
export function watchers(
  specs: readonly string[],
  folder: string,
  say: (message: string) => void,
  parent?: string,
): Tracker {
  const parsed = specs.map(spec => /^([^=]*)=?(.*)$/.exec(spec)!)
  const twice = parsed.find(([, kind], i) => parsed.findIndex(other => other[1] === kind) < i)?.[1]
  if (twice) throw new UserError(`tracking: expected each of tensorboard and mlflow once, found ${twice} twice`)
  const opened = parsed.map(([, kind, place]) => {
    if (kind === 'tensorboard') return tensorboardTracker(eventFolder(place, folder, parent), say)
    if (kind === 'mlflow') return mlflowTracker({ uri: place || undefined, folder, parent, say })
    throw new UserError(
      `tracking: expected tensorboard, tensorboard=FOLDER, mlflow or mlflow=http://HOST:PORT, found '${kind}'`,
    )
  })
  return all(opened)
}

/** Where TensorBoard's events of a run go; runs that are nested share the folder that was named. */
export function eventFolder(place: string | undefined, folder: string, parent: string | undefined): string {
  if (!place) return join(folder, 'tensorboard')
  return parent === undefined ? place : join(place, basename(folder))
}
