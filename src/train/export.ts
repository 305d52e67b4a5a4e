import * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../config/model.ts'
import { inversionEncoder } from '../models/inversion-encoder.ts'
import { latentDiffusion, parametersOf, prefixes } from '../models/latent-diffusion.ts'
import type { Shapes, Weights } from '../models/module.ts'
import { withPrefix } from '../models/module.ts'
import { UserError } from '../util/errors.ts'
import { sha256 } from '../weights/checksum.ts'
import { saveWeights } from '../weights/write-safetensors.ts'
import { loadAverage, readNote } from './checkpoint.ts'
import { lastCheckpoint } from './keep.ts'
import type { ResolvedConfig } from './resume.ts'

/** The runs that a model is put together from; a network whose run is left out is not in the file. */
export interface ModelRuns {
  readonly autoencoder?: string
  /** A run that trained its decoder further. */
  readonly decoder?: string
  readonly diffusion?: string
  readonly msi?: string
  /** The encoder of a generator's latents. */
  readonly encoder?: string
}

/** What each of them was to train. */
const taskOf = {
  autoencoder: 'autoencoder',
  decoder: 'autoencoder',
  diffusion: 'diffusion',
  msi: 'msi',
  encoder: 'encoder',
} as const

/** Weights of another form may have the same shapes. */
async function checkRun(run: string, task: string, { name, msi }: ModelConfig): Promise<void> {
  const { train, model } = ((await readNote(lastCheckpoint(run)))?.config ?? {}) as Partial<ResolvedConfig>
  if (train && train.task !== task)
    throw new UserError(`expected a run of the task ${task} in ${run}, found ${train.task}`)
  if (task === 'msi' && model && model.msi.variant !== msi.variant)
    throw new UserError(
      `${run}: expected MSI of the variant ${msi.variant}, as in the model ${name}, found ${model.msi.variant}`,
    )
}

/**
 * Puts the averaged weights of runs into one file of 16-bit numbers, with the model's config in its metadata.
 * @returns the file's SHA-256, for the model's config
 * @throws UserError when no run is named, or one is not of this model
 */
export async function exportModel(model: ModelConfig, runs: ModelRuns, out: string): Promise<string> {
  const networks = latentDiffusion(model)
  const { autoencoder, unet, text, msi } = parametersOf(networks)
  if (runs.decoder !== undefined && runs.autoencoder === undefined)
    throw new UserError(
      'expected --autoencoder beside --decoder, the run whose decoder was trained further, found none',
    )
  const average = async (run: string | undefined, parameters: Shapes): Promise<Weights> =>
    run === undefined ? {} : loadAverage(lastCheckpoint(run), parameters)
  for (const kind of Object.keys(taskOf) as (keyof ModelRuns)[]) {
    const run = runs[kind]
    if (run !== undefined) await checkRun(run, taskOf[kind], model)
  }
  const trained = await average(runs.autoencoder, autoencoder)
  const further = await average(runs.decoder, networks.autoencoder.decode.parameters)
  const weights: Weights = {
    ...withPrefix({ ...trained, ...further }, prefixes.autoencoder),
    ...(await average(runs.diffusion, { ...withPrefix(unet, prefixes.unet), ...withPrefix(text, prefixes.text) })),
    ...withPrefix(await average(runs.msi, msi), prefixes.msi),
    ...(await average(runs.encoder, inversionEncoder().parameters)),
  }
  if (Object.keys(weights).length === 0)
    throw new UserError('expected a run to export: name one with --autoencoder, --diffusion, --msi or --encoder')
  await saveWeights(out, weights, { config: JSON.stringify(model) }, 'F16')
  tf.dispose([...Object.values(weights), ...Object.values(trained)])
  return sha256(out)
}
