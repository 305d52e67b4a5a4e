/** Faces of people who do not exist, with the latents that they were generated from: a data set that nobody has to collect. */
import * as tf from '@tensorflow/tfjs'
import type { Generator } from '../faces/generator.ts'
import { type FaceSize, faceSizes, styleRows, styleWidth } from '../models/generator/synthesis.ts'
import { UserError } from '../util/errors.ts'
import { withLock } from '../util/lock.ts'
import { normal, RandomStream } from '../util/random.ts'
import { StoreWriter } from './store-writer.ts'

/** Faces that are generated at once. */
const batchSize = 8

/** Rows that share a style: pose and frame, face shape, features, make-up and light, colour and fine texture. */
const firstRows = [0, 3, 5, 9, 11] as const

/** Styles whose mean is the centre of truncation. */
const meanCount = 10_000

export interface GenerateOptions {
  /** The folder of the store. */
  readonly out: string
  readonly count: number
  readonly seed: number
  /** Side of the faces in pixels. */
  readonly size: FaceSize
  /**
   * How far styles are from their mean, as a share of what the mapping network gives: the truncation of StyleGAN (Karras et
   * al. 2019), which gives up variety for quality. 0..1
   */
  readonly truncation: number
}

/**
 * Writes `count` generated faces and their latents into a store (`FaceStore`), which is there when it is whole. Face i is a
 * function of seed, i, truncation and size: with probability 1/2 one style gives all its rows, otherwise each group of rows
 * has a style of its own or that of the group before.
 * @throws UserError when another process is writing the store
 */
export async function generateFaces(
  generator: Generator,
  options: GenerateOptions,
  onProgress: (done: number) => void = () => {},
): Promise<void> {
  const { out, count, seed, size } = options
  await withLock(`${out}.lock`, `generating ${out}`, async () => {
    const writer = await StoreWriter.create(out, size, { hasLatents: true })
    const mean = tf.tidy(() => tf.mean(generator.mapped(normal([meanCount, styleWidth], 1, 'mean') as tf.Tensor2D), 0))
    for (let first = 0; first < count; first += batchSize) {
      const indices = Array.from({ length: Math.min(batchSize, count - first) }, (_, i) => first + i)
      const [faces, latents] = tf.tidy(() => {
        const styles = tf.stack(indices.map(i => stylesOf(generator, mean, i, options))) as tf.Tensor3D
        const pixels = tf.mul(tf.add(generator.synthesize(styles, size), 1), 127.5)
        return [tf.cast(tf.clipByValue(tf.round(pixels), 0, 255), 'int32'), generator.toLatents(styles)]
      })
      const [bytes, values] = await Promise.all([faces.data(), latents.data()])
      tf.dispose([faces, latents])
      for (const [k, i] of indices.entries()) {
        const part = <T extends { slice(first: number, end: number): T }>(all: T, length: number) =>
          all.slice(k * length, (k + 1) * length)
        const name = `${seed}-${String(i).padStart(6, '0')}`
        await writer.add(
          { id: `generated/${name}`, identity: `generated-${name}` },
          new Uint8Array(part(bytes as Int32Array, size ** 2 * 3)),
          part(values as Float32Array, styleRows * styleWidth),
        )
      }
      onProgress(first + indices.length)
    }
    mean.dispose()
    await writer.finish()
  })
}

/**
 * Options as they can be used.
 * @throws UserError for one out of range
 */
export function checkGenerate(options: Omit<GenerateOptions, 'size'> & { readonly size: number }): GenerateOptions {
  const { count, seed, truncation } = options
  if (!Number.isInteger(count) || count < 1) throw new UserError(`expected --count of 1 face or more, found ${count}`)
  if (!Number.isInteger(seed)) throw new UserError(`expected a whole number as --seed, found ${seed}`)
  const size = faceSizes.find(size => size === options.size)
  if (!size) throw new UserError(`expected a --size out of ${faceSizes.join(', ')}, found ${options.size}`)
  if (!(truncation >= 0 && truncation <= 1))
    throw new UserError(`expected a --truncation of 0 to 1, found ${truncation}`)
  return { ...options, size }
}

/** The styles of face i, [16, 512]. */
function stylesOf(
  generator: Generator,
  mean: tf.Tensor,
  i: number,
  { seed, truncation }: Pick<GenerateOptions, 'seed' | 'truncation'>,
): tf.Tensor2D {
  const random = new RandomStream(seed, 'generated face', i)
  const isMixed = random.uniform() < 0.5
  let style = 0
  const styles = firstRows.map((_, group) => (isMixed && group > 0 && random.uniform() < 0.7 ? ++style : style))
  const z = tf.tensor2d(random.normals((style + 1) * styleWidth), [style + 1, styleWidth])
  const truncated = tf.add(mean, tf.mul(truncation, tf.sub(generator.mapped(z), mean)))
  const groups = Array.from({ length: styleRows }, (_, row) => firstRows.findLastIndex(first => first <= row))
  return tf.gather(
    truncated,
    groups.map(group => styles[group]!),
  ) as tf.Tensor2D
}
