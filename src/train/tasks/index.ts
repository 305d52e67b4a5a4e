/** The tasks by their names in configs. */
import type { TrainConfig } from '../../config/train.ts'
import { autoencoder } from './autoencoder.ts'
import type { ConfigOf, TaskDefinition } from './definition.ts'
import { diffusion } from './diffusion.ts'
import { encoder } from './encoder.ts'
import { msi } from './msi.ts'

const tasks: { readonly [Task in TrainConfig['task']]: TaskDefinition<ConfigOf<Task>> } = {
  autoencoder,
  diffusion,
  msi,
  encoder,
}

/** The task of a config, which is then the only kind of config that it is given. */
export function taskOf({ task }: TrainConfig): TaskDefinition {
  return tasks[task] as unknown as TaskDefinition
}
