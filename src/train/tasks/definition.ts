import type { ModelConfig } from '../../config/model.ts'
import type { TrainConfig } from '../../config/train.ts'
import type { FaceStore } from '../../data/face-store.ts'
import type { LatentDiffusion, NetworkName } from '../../models/latent-diffusion.ts'
import type { Weights } from '../../models/module.ts'
import type { Base, RunPaths } from '../bases.ts'
import type { Subject } from '../people.ts'
import type { TrainingTask } from '../task.ts'

/** What a task is built from. */
export interface TaskSetup<Config extends TrainConfig = TrainConfig> {
  readonly config: Config
  /** As `modelFor` gave it. */
  readonly model: ModelConfig
  readonly networks: LatentDiffusion
  readonly faces: FaceStore
  readonly paths: RunPaths
  /** Told while frozen networks run over all faces. */
  readonly onPrepare: (done: number, total: number) => void
}

/** A task, and what frees its frozen networks and data. */
export interface BuiltTask {
  readonly task: TrainingTask
  close(): Promise<void>
}

/** One thing that can be trained, as `task` in a config names it: its data, its loss, its validation and its pictures. */
export interface TaskDefinition<Config extends TrainConfig = TrainConfig> {
  /** The model that is trained, where the config changes it. @throws UserError when the config does not fit the model */
  modelFor?(config: Config, model: ModelConfig): ModelConfig
  /** Whom it is trained on: everybody by default. */
  subject?(config: Config): Subject
  /** What it builds upon, frozen or as its start. */
  bases(config: Config): readonly Base[]
  /** Networks of the model besides, in whose trained weights it starts. */
  startsIn?(config: Config): readonly NetworkName[]
  /** The same task as a measure of weights: on all faces that it is given, of the whole network, the same each time. */
  forValidation(config: Config): Config
  build(setup: TaskSetup<Config>): Promise<BuiltTask>
  /** Trained weights of the networks that it trains, by its names of them: where the config starts from them. */
  trainedWeights(setup: TaskSetup<Config>): Promise<Weights>
}

/** The config of one task. */
export type ConfigOf<Task extends TrainConfig['task']> = Extract<TrainConfig, { task: Task }>

/** `count` numbers spread evenly over 0..total-1. */
export function spread(count: number, total: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor((i * total) / count))
}
