/** Feature networks with their weights, as a model's config names them. */
import * as tf from '@tensorflow/tfjs'
import { clipImage } from '../models/clip.ts'
import type { FeatureNetwork, Features } from '../models/clip-features.ts'
import { type ClipFeaturesConfig, clipFeatures, clipVitL14 } from '../models/clip-features.ts'
import { type Shapes, type Weights, weight } from '../models/module.ts'
import { cropResize, type Rectangle } from '../models/recognizers/recognizer.ts'
import { UserError } from '../util/errors.ts'
import { clipImageLayout } from '../weights/layouts.ts'
import { loadWeights } from '../weights/load.ts'
import { locateWeights } from '../weights/locate.ts'
import { loadRecognizer, recognizerNetworks } from './recognizers.ts'

/** Which feature network, what it needs, and how faces are aligned where that is not on the recognizers' template. */
export type FeaturesConfig = NetworkConfig & {
  readonly alignment?: 'ffhq'
  /** Where the mean and deviation of each channel are, by which features are standardised; they are as they come without it. */
  readonly statistics?: string | undefined
}

type NetworkConfig =
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

/**
 * Where the template is in a face of FFHQ's alignment: means over 95 portraits of templateRectangle (alignment.ts), whose deviations
 * are 0.012 at most. Fixed, so that features follow from the picture alone.
 */
export const templateInFfhq: Rectangle = { left: 0.0348, top: 0.0204, right: 0.9643, bottom: 0.9499 }

/** The feature network that a model's config names, without its weights. */
export function featureNetwork(config: FeaturesConfig): FeatureNetworkParts {
  const { parameters, over } = networkParts(config)
  const { widths } = over({})
  return {
    parameters: config.statistics ? { ...parameters, ...statisticsOf(widths) } : parameters,
    over: weights => asConfigured(config, over(weights), weights),
  }
}

/** The network in the config's alignment, its features standardised if that is asked for. */
function asConfigured(config: FeaturesConfig, network: FeatureNetwork, statistics: Weights): FeatureNetwork {
  const aligned = inAlignment(config, network)
  return config.statistics ? standardised(aligned, statistics) : aligned
}

/** Of each of the five depths, `scripts/feature-statistics.ts` computes them. */
const statisticsOf = (widths: readonly number[]): Shapes =>
  Object.fromEntries(
    widths.flatMap((width, k) => ['mean', 'deviation'].map(name => [`features.${k}.${name}`, [width]] as const)),
  )

/** Features of mean 0 and deviation 1 by channel. MSI has no norms: where channels have one sign, faces hardly differ in it. */
function standardised({ name, widths, features }: FeatureNetwork, statistics: Weights): FeatureNetwork {
  const standard = (x: tf.Tensor, k: number) =>
    tf.div(
      tf.sub(x, weight(statistics, `features.${k}.mean`)),
      weight(statistics, `features.${k}.deviation`),
    ) as tf.Tensor3D
  return {
    name,
    widths,
    features: faces =>
      tf.tidy(() => {
        const { embedding, features: scales } = features(faces)
        return { embedding, features: scales.map(standard) as Features['features'] }
      }),
  }
}

function networkParts(config: NetworkConfig): FeatureNetworkParts {
  if (config.network === 'dlib') return recognizerNetworks.dlib
  const sizes = { ...clipVitL14, ...config.sizes }
  return { parameters: clipImage(sizes).parameters, over: weights => clipFeatures(sizes, weights) }
}

/** A network of faces on the template as one of faces in the config's alignment. */
function inAlignment({ alignment }: FeaturesConfig, network: FeatureNetwork): FeatureNetwork {
  if (!alignment) return network
  const { name, widths, features } = network
  const onTemplate = (faces: tf.Tensor4D) => cropResize(faces, templateInFfhq, faces.shape[1])
  return { name, widths, features: faces => tf.tidy(() => ({ ...features(onTemplate(faces)) })) as Features }
}

/**
 * Loads the feature network of a model.
 * @param widths what the model's MSI expects of the five depths
 * @throws UserError when its weights are absent or do not fit, or its features have other widths
 */
export async function loadFeatureNetwork(config: FeaturesConfig, widths: readonly number[]): Promise<FeatureNetwork> {
  const network = config.network === 'dlib' ? await loadRecognizer('dlib') : await loadClip(config)
  if (`${network.widths}` === `${widths}`) {
    const { statistics } = config
    const loaded = statistics ? await loadWeights(await locateWeights(statistics), statisticsOf(widths)) : {}
    return asConfigured(config, network, loaded)
  }
  throw new UserError(
    `expected msi.featureDims [${network.widths.join(', ')}], as ${config.network} gives them, found [${widths.join(', ')}]: correct the model's config`,
  )
}

async function loadClip(config: NetworkConfig & { network: 'clip-vit-l-14' }): Promise<FeatureNetwork> {
  const { parameters, over } = networkParts(config)
  return over(await loadWeights(await locateWeights(config.weights), parameters, { layout: clipImageLayout }))
}
