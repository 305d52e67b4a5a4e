/** Forms of MSI, trained when they are asked for. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../config/model.ts'
import type { TrainConfig } from '../config/train.ts'
import type { FeatureNetwork } from '../models/clip-features.ts'
import { allBuckets, type MsiVariant, msi } from '../models/msi.ts'
import { loadAverage } from './checkpoint.ts'
import { lastCheckpoint } from './keep.ts'
import type { Subject } from './people.ts'
import { runTraining } from './run.ts'

type MsiConfig = Extract<TrainConfig, { task: 'msi' }>

/** A trained MSI. */
export interface TrainedMsi {
  /** The ten placeholder vectors of a face [1, s, s, 3], [10, d]. */
  placeholders(face: tf.Tensor4D): tf.Tensor2D
  dispose(): void
}

/** What forms of MSI are trained with. */
export interface MsiTraining {
  readonly model: ModelConfig
  /** The model's own. */
  readonly network: FeatureNetwork
  /** Each form has a folder of its run here; all share their latents and features. */
  readonly out: string
  readonly onReport: (text: string) => void
}

/**
 * Trains a variant of MSI for a subject among `faces`, resumes its training, or loads it when it is finished.
 * @throws UserError as runTraining does
 */
export async function trainedMsi(
  variant: MsiVariant,
  config: MsiConfig,
  faces: readonly string[],
  subject: Subject,
  { model, network, out, onReport }: MsiTraining,
): Promise<TrainedMsi> {
  const key = JSON.stringify(subject)
  const run =
    subject === 'everybody' ? variant : `${variant}-${createHash('sha256').update(key).digest('hex').slice(0, 12)}`
  const paths = { faces, out: join(out, run), cache: join(out, 'frozen') }
  const whom = subject === 'everybody' ? subject : Object.values(subject)[0]
  await runTraining({ ...config, variant, subject }, model, paths, {
    onPrepare: () => {},
    onReport: ({ step, loss }) =>
      onReport(`${variant}, ${whom}: step ${step} of ${config.steps}, loss ${loss.toFixed(3)}`),
  })
  const inversion = msi({ ...model.msi, variant })
  const weights = await loadAverage(lastCheckpoint(paths.out), inversion.parameters)
  return {
    placeholders: face =>
      tf.tidy(() => tf.squeeze(allBuckets(inversion, weights, network.features(face).features), [0]) as tf.Tensor2D),
    dispose: () => void tf.dispose(Object.values(weights)),
  }
}
