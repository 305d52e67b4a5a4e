/** Feature networks with their weights, as a model's config names them. */
import { UserError } from '../errors.ts'
import { clipImage } from '../models/clip-image.ts'
import { type ClipFeaturesConfig, clipFeatures, clipVitL14 } from '../models/features/clip.ts'
import type { FeatureNetwork } from '../models/features/feature-network.ts'
import type { Shapes, Weights } from '../models/module.ts'
import { clipImageLayout } from '../weights/layouts/clip.ts'
import { loadWeights } from '../weights/load.ts'
import { locateWeights } from '../weights/locate.ts'
import { loadRecognizer, recognizerNetworks } from './recognizers.ts'

/** Which feature network, and what it needs. */
export type FeaturesConfig =
  | { readonly network: 'dlib' }
  | {
      readonly network: 'clip-vit-l-14'
      /** Where the image encoder is: a file, or published weights by their name. */
      readonly weights: string
      /** Where it is not ViT-L/14 read as the release reads it. */
      readonly sizes?: Partial<ClipFeaturesConfig> | undefined
    }

/** What a feature network is made of. */
export interface FeatureNetworkParts {
  readonly parameters: Shapes
  /** The feature network over weights for these parameters. */
  readonly over: (weights: Weights) => FeatureNetwork
}

/** The feature network that a model's config names, without its weights. */
export function featureNetwork(config: FeaturesConfig): FeatureNetworkParts {
  if (config.network === 'dlib') return recognizerNetworks.dlib
  const sizes = { ...clipVitL14, ...config.sizes }
  return { parameters: clipImage(sizes).parameters, over: weights => clipFeatures(sizes, weights) }
}

/**
 * Loads the feature network of a model.
 * @param widths what the model's MSI expects of the five depths
 * @throws UserError when its weights are absent or do not fit, or its features have other widths
 */
export async function loadFeatureNetwork(config: FeaturesConfig, widths: readonly number[]): Promise<FeatureNetwork> {
  const network = config.network === 'dlib' ? await loadRecognizer('dlib') : await loadClip(config)
  if (`${network.widths}` === `${widths}`) return network
  throw new UserError(
    `expected msi.featureDims [${network.widths.join(', ')}], as ${config.network} gives them, found [${widths.join(', ')}]: correct the model's config`,
  )
}

async function loadClip(config: FeaturesConfig & { network: 'clip-vit-l-14' }): Promise<FeatureNetwork> {
  const { parameters, over } = featureNetwork(config)
  return over(await loadWeights(await locateWeights(config.weights), parameters, { layout: clipImageLayout }))
}
