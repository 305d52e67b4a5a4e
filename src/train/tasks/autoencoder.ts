/**
 * Trains an autoencoder: L1 of pixels and of their differences, features of a recognizer, a light KL on the latent, and an
 * adversary that tells what it decodes from photos (Esser et al. 2021): L1 alone blurs what it cannot know.
 */
import * as tf from '@tensorflow/tfjs'
import type { FaceStore } from '../../data/face-store.ts'
import { loadRecognizer } from '../../faces/recognizers.ts'
import { type Autoencoder, discriminator, splitMoments } from '../../models/autoencoder.ts'
import type { Weights } from '../../models/module.ts'
import { constant } from '../../models/ops/differentiable.ts'
import { normal, RandomStream } from '../../util/random.ts'
import { randomViews } from '../augmentation.ts'
import { autoencoderWeights } from '../bases.ts'
import { batchIndices } from '../batches.ts'
import { asPerceptual, type PerceptualNetwork, perceptualNetworksOf } from '../perceptual.ts'
import type { TrainingTask } from '../task.ts'
import { type ConfigOf, spread, type TaskDefinition } from './definition.ts'

export interface AutoencoderTaskOptions {
  readonly seed: number
  readonly batchSize: number
  /** Weight of the L1 between differences of neighbouring pixels, which keeps edges. */
  readonly edgeWeight: number
  /** Weight of the squared distance between the perceptual networks' features. */
  readonly featureWeight: number
  /** How many faces of a batch the perceptual networks compare, which costs more than all else; all by default. */
  readonly comparedFaces?: number | undefined
  /** Weights of 1 - cos(r(decoded), r(face)) for perceptual networks r by name; 0 for those left out. */
  readonly identityWeights: Readonly<Record<string, number>>
  /** Weight of the KL divergence of the latent from a standard normal. */
  readonly klWeight: number
  /** Weight of the loss that an adversary, trained beside, no longer tells decoded faces from photos; 0 for none. */
  readonly adversarialWeight: number
  /**
   * Largest standard deviation of noise added to the latent before it is decoded, each face's own drawn uniformly: the
   * decoder learns to draw clean faces from the imperfect latents that a noise predictor makes.
   */
  readonly latentNoise: number
  /** How far the faces trained on vary from those given, 0..1 (`randomViews`). */
  readonly variation: number
}

/**
 * Trains encoder and decoder; only the decoder where `trained` weights are given, whose encoder then stays as it is, and with
 * it every latent that other networks have learnt.
 * @param faces what is trained on, views of them, a batch mirrored as a whole every other time
 * @param demoFaces shown with their reconstructions at every demo, [n, s, s, 3]; the caller's
 * @param perceptual frozen; their features and embeddings of faces and of decoded faces are compared
 * @param trained weights of both that the decoder starts from
 */
export function autoencoderTask(
  { encode, decode }: Autoencoder,
  faces: Pick<FaceStore, 'count' | 'faces'>,
  demoFaces: tf.Tensor4D,
  options: AutoencoderTaskOptions,
  { perceptual = [], trained }: { readonly perceptual?: readonly PerceptualNetwork[]; readonly trained?: Weights } = {},
): TrainingTask<tf.Tensor4D> {
  const adversary = options.adversarialWeight > 0 ? discriminator() : undefined
  return {
    name: 'autoencoder',
    parameters: { ...(!trained && encode.parameters), ...decode.parameters, ...adversary?.parameters },
    ...(trained && { start: pick(trained, Object.keys(decode.parameters)) }),
    zero: /\.conv2\.weight$/,

    async batch(step) {
      const { batchSize, seed, variation } = options
      const images = await faces.faces(batchIndices(step, batchSize, faces.count, seed))
      const flip = new RandomStream(seed, 'flip', step).uniform() < 0.5
      const batch = tf.tidy(() => {
        const views = variation > 0 ? randomViews(images, variation, seed, step) : images
        return flip ? tf.reverse(views, 2) : tf.clone(views)
      })
      images.dispose()
      return batch
    },

    loss(weights, images, step) {
      const moments = encode(trained ?? weights, images)
      const { mean, logVariance } = splitMoments(moments)
      const noise = normal(mean.shape, options.seed, 'latent', step)
      const added = noiseLevels(images.shape[0], options, step)
      const deviation = tf.sqrt(tf.add(tf.exp(logVariance), tf.square(added)))
      const latent = tf.add(mean, tf.mul(deviation, noise)) as tf.Tensor4D
      const decoded = decode(weights, latent)

      const pixels = tf.mean(tf.abs(tf.sub(decoded, images)))
      const edges = tf.add(differenceL1(decoded, images, 1), differenceL1(decoded, images, 2))
      // KL(N(mean, variance) || N(0, 1)), mean over values
      const kl = tf.mul(0.5, tf.mean(tf.sub(tf.sub(tf.add(tf.square(mean), tf.exp(logVariance)), 1), logVariance)))
      let loss = tf.add(tf.add(pixels, tf.mul(edges, options.edgeWeight)), tf.mul(kl, options.klWeight))
      const parts: Record<string, tf.Scalar> = { pixels: pixels as tf.Scalar, kl: kl as tf.Scalar }
      const compared = Math.min(options.comparedFaces ?? images.shape[0], images.shape[0])
      for (const network of perceptual) {
        const { features, identity } = distances(network, first(decoded, compared), first(images, compared))
        const weighed = [
          [`features of ${network.name}`, features, options.featureWeight],
          [`identity by ${network.name}`, identity, options.identityWeights[network.name] ?? 0],
        ] as const
        for (const [part, distance, weight] of weighed) {
          if (!distance || weight === 0) continue
          loss = tf.add(loss, tf.mul(distance, weight))
          parts[part] = distance
        }
      }
      if (adversary) {
        const { fooling, telling } = adversarialLosses(adversary, weights, images, decoded)
        // The adversary learns at its own rate, whatever its verdict weighs for the decoder.
        loss = tf.add(loss, tf.add(tf.mul(fooling, options.adversarialWeight), telling))
        Object.assign(parts, { fooling, telling })
      }
      return { loss: loss as tf.Scalar, parts }
    },

    async demo(weights) {
      const grid = tf.tidy(() => {
        const [n, s] = demoFaces.shape
        const decoded = tf.clipByValue(reconstruct({ encode, decode }, { ...trained, ...weights }, demoFaces), -1, 1)
        return tf.reshape(tf.stack([demoFaces, decoded]), [2, n, s, s, 3]) as tf.Tensor5D
      })
      return { reconstructions: grid }
    },
  }
}

/** decode(mean of encode(faces)): what the autoencoder makes of faces, [n, s, s, 3]. */
export function reconstruct(
  { encode, decode }: Pick<Autoencoder, 'encode' | 'decode'>,
  weights: Weights,
  faces: tf.Tensor4D,
): tf.Tensor4D {
  return tf.tidy(() => decode(weights, splitMoments(encode(weights, faces)).mean))
}

/**
 * The two adversarial losses of one step: `fooling`, the generator loss, has a gradient only for what computed `decoded`; `telling`,
 * the discriminator loss, only for the discriminator's weights. Each patch is compared with the same patch of the photo (relativistic,
 * Jolicoeur-Martineau 2018), so that its content cancels out: without this, a discriminator learns little in so few steps.
 */
function adversarialLosses(
  adversary: ReturnType<typeof discriminator>,
  weights: Weights,
  images: tf.Tensor4D,
  decoded: tf.Tensor4D,
): Record<'fooling' | 'telling', tf.Scalar> {
  const fixed = Object.fromEntries(Object.keys(adversary.parameters).map(name => [name, constant(weights[name]!)]))
  const real = adversary(weights, images)
  const made = adversary(weights, constant(decoded))
  const fooling = tf.softplus(tf.sub(constant(real), adversary(fixed, decoded)))
  return {
    fooling: tf.mean(fooling) as tf.Scalar,
    telling: tf.mean(tf.softplus(tf.sub(made, real))) as tf.Scalar,
  }
}

/** Standard deviations of the noise on the latents of n faces, [n, 1, 1, 1]. */
function noiseLevels(n: number, { seed, latentNoise }: AutoencoderTaskOptions, step: number): tf.Tensor {
  const random = new RandomStream(seed, 'latent noise', step)
  return tf.tensor(
    Array.from({ length: n }, () => latentNoise * random.uniform()),
    [n, 1, 1, 1],
  )
}

const pick = (weights: Weights, names: readonly string[]): Weights =>
  Object.fromEntries(names.map(name => [name, weights[name]!]))

/** Mean L1 between the differences of neighbours along an axis. */
function differenceL1(a: tf.Tensor4D, b: tf.Tensor4D, axis: 1 | 2): tf.Tensor {
  const d = tf.sub(a, b) as tf.Tensor4D
  const [n, h, w, c] = d.shape
  const size: [number, number, number, number] = axis === 1 ? [n, h - 1, w, c] : [n, h, w - 1, c]
  const later = tf.slice(d, axis === 1 ? [0, 1, 0, 0] : [0, 0, 1, 0], size)
  return tf.mean(tf.abs(tf.sub(later, tf.slice(d, [0, 0, 0, 0], size))))
}

/** How far decoded faces are from the faces to a network: the sum over its feature maps, and 1 - the cosine of embeddings. */
function distances(
  { perceive }: PerceptualNetwork,
  decoded: tf.Tensor4D,
  faces: tf.Tensor4D,
): { features?: tf.Scalar; identity: tf.Scalar } {
  const [found, wanted] = [perceive(decoded), perceive(faces)]
  const maps = found.features.map((f, i) => featureDistance(f, wanted.features[i]!))
  return {
    ...(maps.length > 0 && { features: tf.addN(maps) as tf.Scalar }),
    identity: tf.sub(1, tf.mean(tf.sum(tf.mul(found.embedding, wanted.embedding), 1))) as tf.Scalar,
  }
}

const first = (faces: tf.Tensor4D, count: number): tf.Tensor4D => tf.slice(faces, [0, 0, 0, 0], [count, -1, -1, -1])

/** Squared distance relative to the wanted feature's own mean square, so that every depth weighs alike. */
function featureDistance(found: tf.Tensor, wanted: tf.Tensor): tf.Tensor {
  return tf.div(tf.mean(tf.square(tf.sub(found, wanted))), tf.add(tf.mean(tf.square(wanted)), 1e-6))
}

export const autoencoder: TaskDefinition<ConfigOf<'autoencoder'>> = {
  bases: ({ startFrom, decoderOnly }) => (startFrom === 'trained' || decoderOnly ? ['autoencoder'] : []),
  // Not against an adversary, whose verdict changes as it learns.
  forValidation: config => ({ ...config, adversarialWeight: 0, variation: 0 }),
  async build({ config, model, networks, faces, paths }) {
    const perceptual = await Promise.all(
      perceptualNetworksOf(config).map(async name => asPerceptual(await loadRecognizer(name))),
    )
    const shown = await faces.faces(spread(8, faces.count))
    const trained = config.decoderOnly ? await autoencoderWeights(model, networks, paths) : undefined
    const task = autoencoderTask(networks.autoencoder, faces, shown, config, { perceptual, trained }) as TrainingTask
    return { task, close: async () => tf.dispose([shown, trained] as tf.TensorContainer) }
  },
  trainedWeights: ({ model, networks, paths }) => autoencoderWeights(model, networks, paths),
}
