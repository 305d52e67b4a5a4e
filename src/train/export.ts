import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../config/model.ts'
import { latentDiffusion, parametersOf, prefixes, withPrefix } from '../models/latent-diffusion.ts'
import { sha256 } from '../weights/checksum.ts'
import { saveWeights } from '../weights/load.ts'
import { loadAverage } from './checkpoint.ts'

/** The runs that a model is put together from. */
export interface ModelRuns {
  readonly autoencoder: string
  /** A run that trained its decoder further. */
  readonly decoder?: string
  readonly diffusion: string
  readonly msi: string
}

/**
 * Puts the averaged weights of three runs into one file of 16-bit numbers, with the model's config in its metadata.
 * @returns the file's SHA-256, for the model's config
 */
export async function exportModel(model: ModelConfig, runs: ModelRuns, out: string): Promise<string> {
  const networks = latentDiffusion(model)
  const { autoencoder, unet, text, msi } = parametersOf(networks)
  const base = { ...withPrefix(unet, prefixes.unet), ...withPrefix(text, prefixes.text) }
  const last = (run: string) => join(run, 'last.safetensors')
  const trained = await loadAverage(last(runs.autoencoder), autoencoder)
  const further = runs.decoder ? await loadAverage(last(runs.decoder), networks.autoencoder.decode.parameters) : {}
  const weights = {
    ...withPrefix({ ...trained, ...further }, prefixes.autoencoder),
    ...(await loadAverage(last(runs.diffusion), base)),
    ...withPrefix(await loadAverage(last(runs.msi), msi), prefixes.msi),
  }
  await saveWeights(out, weights, { config: JSON.stringify(model) }, 'F16')
  tf.dispose([...Object.values(weights), ...Object.values(trained)])
  return sha256(out)
}
