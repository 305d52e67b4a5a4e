/**
 * Trains the encoder of a generator with two losses. The first compares latents, on degraded pictures of faces generated from known
 * latents. The second compares the generator's output for the predicted latents, also on photos without known latents (as pSp,
 * arXiv 2008.00951).
 */
import * as tf from '@tensorflow/tfjs'
import { FaceStore } from '../../data/face-store.ts'
import { type Generator, loadEncoderWeights, loadGenerator } from '../../faces/generator.ts'
import { encoderInputSize, inversionEncoder } from '../../models/inversion-encoder.ts'
import type { Weights } from '../../models/module.ts'
import { cropResize, whole } from '../../models/recognizers/recognizer.ts'
import { UserError } from '../../util/errors.ts'
import { RandomStream } from '../../util/random.ts'
import { degrade } from '../augmentation.ts'
import { batchIndices } from '../batches.ts'
import type { TrainingTask } from '../task.ts'
import { type ConfigOf, spread, type TaskDefinition } from './definition.ts'

export interface EncoderTaskOptions {
  readonly seed: number
  readonly batchSize: number
  /** Weight of the squared error of the styles that latents stand for. */
  readonly latentWeight: number
  /** Weight of the L1 reconstruction loss between the faces and the images decoded from the predicted latents; at 0, decoding is skipped. */
  readonly imageWeight: number
  /** Weight of the mean square of the latents. */
  readonly priorWeight: number
  /** Share of a batch that are photos. */
  readonly photoShare: number
}

type GeneratedFaces = Pick<FaceStore, 'count' | 'faces' | 'latents'>

interface Batch extends tf.TensorContainerObject {
  /** As the encoder sees them, [n, 128, 128, 3]. */
  degraded: tf.Tensor4D
  /** As they are, [n, 128, 128, 3]. */
  faces: tf.Tensor4D
  /** Of the first faces, [g, 16, 1, 512]; the others are photos. */
  latents: tf.Tensor4D
}

/**
 * @param generated faces with their latents
 * @param photos faces without, [n, s, s, 3] in FFHQ alignment
 * @param demoFaces shown with what is made of their latents at every demo, [n, s, s, 3]; the caller's
 */
export function encoderTask(
  generator: Pick<Generator, 'toStyles' | 'decode'>,
  generated: GeneratedFaces,
  photos: Pick<FaceStore, 'count' | 'faces'> | undefined,
  options: EncoderTaskOptions,
  demoFaces?: tf.Tensor4D,
): TrainingTask<Batch> {
  const { seed, batchSize, latentWeight, imageWeight, priorWeight } = options
  const encode = inversionEncoder()
  const photoCount = photos ? Math.round(batchSize * options.photoShare) : 0
  const generatedCount = batchSize - photoCount
  return {
    name: 'encoder',
    parameters: encode.parameters,
    zero: /\.(blocks\..*\.conv2|styles)\.weight$/, // coordinates that no picture shows stay at their mean

    async batch(step) {
      const rows = batchIndices(step, generatedCount, generated.count, seed)
      const made = await generated.faces(rows)
      const taken = photos && photoCount > 0 ? await photos.faces(batchIndices(step, photoCount, photos.count, seed)) : undefined // biome-ignore format: one line
      const latents = await generated.latents(rows)
      const faces = tf.tidy(() => {
        const small = [made, ...(taken ? [taken] : [])].map(part => cropResize(part, whole, encoderInputSize))
        // Photos have no latents that would have to be mirrored too.
        if (new RandomStream(seed, 'mirror', step).uniform() < 0.5 && small[1]) small[1] = tf.reverse(small[1], 2)
        return tf.concat(small) as tf.Tensor4D
      })
      tf.dispose([made, ...(taken ? [taken] : [])])
      return { degraded: degrade(faces, seed, step), faces, latents }
    },

    loss(weights, { degraded, faces, latents }) {
      const predicted = encode(weights, degraded)
      const of = (part: tf.Tensor4D) => tf.slice(part, [0, 0, 0, 0], [latents.shape[0], -1, -1, -1])
      const error = tf.sub(generator.toStyles(of(predicted)), generator.toStyles(latents))
      const styles = tf.mean(tf.square(error)) as tf.Scalar
      const norm = tf.mean(tf.square(predicted)) as tf.Scalar
      const parts: Record<string, tf.Scalar> = { styles, norm }
      let loss = tf.add(tf.mul(styles, latentWeight), tf.mul(norm, priorWeight))
      if (imageWeight > 0) {
        parts.image = imageLoss(generator.decode(predicted, encoderInputSize), faces)
        loss = tf.add(loss, tf.mul(parts.image, imageWeight))
      }
      return { loss: loss as tf.Scalar, parts }
    },

    ...(demoFaces && { demo: async (weights: Weights) => ({ inversions: inversions(generator, weights, demoFaces) }) }),
  }
}

/** Above: faces; below: what is generated from their latents. */
function inversions(generator: Pick<Generator, 'decode'>, weights: Weights, faces: tf.Tensor4D): tf.Tensor5D {
  return tf.tidy(() => {
    const small = cropResize(faces, whole, encoderInputSize)
    const made = generator.decode(inversionEncoder()(weights, small), encoderInputSize)
    return tf.stack([small, tf.clipByValue(made, -1, 1)]) as tf.Tensor5D
  })
}

/** Mean L1 at full, half and quarter size, weighted to where faces are. */
export function imageLoss(made: tf.Tensor4D, wanted: tf.Tensor4D): tf.Scalar {
  const scales = [1, 2, 4].map(factor => {
    const [a, b] = [made, wanted].map(x => (factor > 1 ? tf.avgPool(x, factor, factor, 'valid') : x))
    const weights = faceWeights(a!.shape[1]!)
    return tf.mean(tf.mul(tf.abs(tf.sub(a!, b!)), weights))
  })
  return tf.mul(tf.addN(scales), 1 / scales.length) as tf.Scalar
}

/** Weights of pixels, of mean 1: a Gaussian over where FFHQ's alignment puts the face, and a little everywhere; [1, s, s, 1]. */
function faceWeights(side: number): tf.Tensor {
  const values = Float32Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [((i % side) + 0.5) / side, (Math.floor(i / side) + 0.5) / side]
    return 0.2 + Math.exp(-(((x - 0.5) / 0.2) ** 2 + ((y - 0.55) / 0.25) ** 2) / 2)
  })
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  return tf.tensor(values.map(value => value / mean), [1, side, side, 1]) // biome-ignore format: one line
}

export const encoder: TaskDefinition<ConfigOf<'encoder'>> = {
  bases: () => ['autoencoder'],
  forValidation: config => config,
  async build({ config, model, faces }) {
    if (!faces.hasLatents)
      throw new UserError('expected generated faces, which have latents, found others: diff-privacy dataset generate')
    const generator = await loadGenerator()
    const photos = config.photos.length > 0 ? await FaceStore.openFor(model, config.photos) : undefined
    const store = photos ?? faces
    const shown = await store.faces(spread(8, store.count))
    const task = encoderTask(generator, faces, photos, config, shown) as TrainingTask
    const close = async () => {
      shown.dispose()
      await photos?.close()
    }
    return { task, close }
  },
  trainedWeights: () => loadEncoderWeights(),
}
