import { join } from 'node:path'
import { UserError } from '../errors.ts'
import { folderTracker } from './folder.ts'
import { tensorboardTracker } from './tensorboard.ts'
import { all, type Tracker } from './tracker.ts'

/**
 * The run's folder and what else it is watched in.
 * @param specs 'tensorboard' (event files in FOLDER/tensorboard), 'tensorboard=FOLDER'
 * @param say told once when one of them fails
 * @throws UserError for a spec that is none of these
 */
export function openTrackers(specs: readonly string[], folder: string, say: (message: string) => void): Tracker {
  const opened = specs.map(spec => {
    const [, kind, place] = /^([^=]*)=?(.*)$/.exec(spec)!
    if (kind === 'tensorboard') return tensorboardTracker(place || join(folder, 'tensorboard'), say)
    throw new UserError(`tracking: expected tensorboard or tensorboard=FOLDER, found '${spec}'`)
  })
  return all([folderTracker(folder, say), ...opened])
}
