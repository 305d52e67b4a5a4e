/** Feature networks with their weights, as a model's config names them. */
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../errors.ts'
import { clipImage } from '../models/clip-image.ts'
import { type ClipFeaturesConfig, clipFeatures, clipVitL14 } from '../models/features/clip.ts'
import type { FeatureNetwork } from '../models/features/feature-network.ts'
import { loadWeights } from '../weights/load.ts'
import { loadRecognizer } from './recognizers.ts'

/** Which feature network, and what it needs. */
export type FeaturesConfig =
  | { readonly network: 'dlib' }
  | {
      readonly network: 'clip-vit-l-14'
      /** Safetensors file that holds the image encoder, relative to the repository. */
      readonly weights: string
      /** Where it is not ViT-L/14 read as the release reads it. */
      readonly sizes?: Partial<ClipFeaturesConfig> | undefined
    }

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Before the image encoder's names in a checkpoint of the whole of CLIP. */
const clipPrefix = 'vision_model.'

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

async function loadClip({ weights, sizes }: FeaturesConfig & { network: 'clip-vit-l-14' }): Promise<FeatureNetwork> {
  const config = { ...clipVitL14, ...sizes }
  const path = isAbsolute(weights) ? weights : join(root, weights)
  return clipFeatures(config, await loadWeights(path, clipImage(config).parameters, { prefix: clipPrefix }))
}
