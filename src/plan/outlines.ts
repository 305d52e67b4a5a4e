/** Networks and inputs without values. */
import type * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../config/model.ts'
import { type LatentDiffusion, type NetworkName, parametersOf } from '../models/latent-diffusion.ts'
import type { Shapes, Weights } from '../models/module.ts'
import { runtimeShape } from '../weights/layout.ts'
import type { PlannedNetwork } from './plan.ts'
import { outline } from './shape-backend.ts'

/** Weights for these parameters. */
export function outlineWeights(parameters: Shapes): Weights {
  return Object.fromEntries(Object.entries(parameters).map(([name, shape]) => [name, outline(runtimeShape(shape))]))
}

/** Weights of networks, one set for all that have the same parameters, as a process loads each only once. */
export class OutlineWeights {
  private readonly known = new Map<Shapes, Weights>()
  private readonly names = new Map<Shapes, string[]>()

  /** @param use what the network is for */
  of(parameters: Shapes, use: string): Weights {
    const weights = this.known.get(parameters) ?? outlineWeights(parameters)
    this.known.set(parameters, weights)
    this.names.set(parameters, [...(this.names.get(parameters) ?? []), use])
    return weights
  }

  /** Of the networks of a model. */
  ofModel(networks: LatentDiffusion): Record<NetworkName, Weights> {
    const { autoencoder, unet, text, msi } = parametersOf(networks)
    return {
      autoencoder: this.of(autoencoder, 'autoencoder'),
      unet: this.of(unet, 'noise predictor'),
      text: this.of(text, 'text transformer'),
      msi: this.of(msi, 'MSI'),
    }
  }

  /** Every network once. */
  get networks(): PlannedNetwork[] {
    return [...this.names].map(([parameters, uses]) => ({ name: uses.join(', '), parameters }))
  }
}

/** Aligned faces [n, s, s, 3]. */
export const outlineFaces = (count: number, { imageSize }: Pick<ModelConfig, 'imageSize'>): tf.Tensor4D =>
  outline([count, imageSize, imageSize, 3])
