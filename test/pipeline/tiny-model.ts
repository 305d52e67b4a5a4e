/** A model of the usual kind, tiny and with untrained weights: what the tasks do around it does not need more. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { stringify } from 'yaml'
import { loadModelConfig } from '../../src/config/model.ts'
import { latentDiffusion, parametersOf, prefixes } from '../../src/models/latent-diffusion.ts'
import type { Shapes } from '../../src/models/module.ts'
import { withPrefix } from '../../src/models/module.ts'
import { initialise } from '../../src/train/state.ts'
import { sha256 } from '../../src/weights/checksum.ts'
import { saveWeights } from '../../src/weights/write-safetensors.ts'

const sizes = {
  name: 'tiny',
  imageSize: 64,
  autoencoder: {
    kind: 'folded',
    latentChannels: 4,
    widths: [32, 32],
    encoderBlocks: [1, 1],
    decoderBlocks: [1, 1],
    thinWidth: 4,
  },
  unet: {
    inChannels: 4,
    outChannels: 4,
    modelChannels: 32,
    channelMult: [1, 2],
    numResBlocks: 1,
    attentionResolutions: [2],
    numHeads: 2,
    contextDim: 32,
  },
  text: { vocabulary: 3, positions: 4, width: 32, innerWidth: 64, layers: 1, heads: 2 },
  prompt: { placeholder: [0, 1, 2, 2], empty: [0, 2, 2, 2], position: 1 },
  features: { network: 'dlib' },
  perceptual: ['dlib'],
  msi: { variant: 'patch', dim: 32, featureDims: [32, 64, 128, 256, 256], heads: 2, headDim: 16 },
  schedule: { steps: 1000, betaStart: 0.00085, betaEnd: 0.012 },
}

/** The convolution that gives the predicted noise. */
const lastLayer = /diffusion_model\.out\.2\./

export interface TinyModel {
  folder: string
  /** Path of the model file. */
  path: string
  /** Writes a copy of the model file with `changes` and returns its path. */
  variant(name: string, changes: object): string
}

/** Writes the model and its weights, drawn from `seed`, into a new temporary folder, on the backend in use. */
export async function tinyModel(seed = 1): Promise<TinyModel> {
  const folder = mkdtempSync(join(tmpdir(), 'tiny-model-'))
  const weights = join(folder, 'tiny.safetensors')
  const variant = (name: string, changes: object) => {
    const path = join(folder, `${name}.yaml`)
    writeFileSync(path, stringify({ ...sizes, weights, ...changes }))
    return path
  }
  const parameters = parametersOf(latentDiffusion(await loadModelConfig(variant('sizes', {}))))
  const names = Object.keys(prefixes) as (keyof typeof prefixes)[]
  const shapes: Shapes = Object.assign({}, ...names.map(name => withPrefix(parameters[name], prefixes[name])))
  const drawn = initialise(shapes, seed)
  // Predictions small beside the latent: as with a trained network, each step then changes it little.
  const initial = Object.fromEntries(
    Object.entries(drawn).map(([name, tensor]) => [name, tf.mul(tensor, lastLayer.test(name) ? 0.05 : 1)]),
  )
  tf.dispose(drawn)
  await saveWeights(weights, initial)
  tf.dispose(initial)
  return { folder, path: variant('tiny', { sha256: await sha256(weights) }), variant }
}
