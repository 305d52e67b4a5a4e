/** All that is measured on one face: it is protected, recovered with its key and a wrong one, and compared. */
import * as tf from '@tensorflow/tfjs'
import type { Recipe } from '../config/recipe.ts'
import { fromTensor, type Image, toTensor } from '../data/image.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { pictureHash, wrongKey } from '../protect/key.ts'
import type { FaceModel } from '../protect/model.ts'
import { protectFace } from '../protect/protect.ts'
import { makeSecret, type RecoverySecret, recoverFace } from '../protect/recovery.ts'
import { detectionScore } from '../faces/detect-aligned.ts'
import { psnr } from './metrics/psnr.ts'
import { ssim } from './metrics/ssim.ts'

/** What is made of a face: `reconstruction` is what the autoencoder alone leaves of it, the ceiling of recovery. */
export const variants = ['reconstruction', 'anonymized', 'hidden', 'recovered', 'wrongKey'] as const
export type Variant = (typeof variants)[number]

/** What recognizers compare: the original with each variant, and anonymized versions of one face with each other. */
export type Comparison = Variant | 'betweenSamples'

type Scores<Key extends string, Value> = Partial<Record<Key, Value>>

export interface FaceMeasurement {
  readonly id: string
  readonly identity: string
  /** Cosine similarities by comparison and recognizer; several where there are several samples. */
  readonly cosines: Scores<Comparison, Record<string, number[]>>
  /** Against the original, in decibels. */
  readonly psnr: Scores<Variant, number[]>
  readonly ssim: Scores<Variant, number[]>
  /** Score of the detector, 0 where it finds no face. */
  readonly detection: Scores<Variant | 'original', number[]>
  /** Of each part of the work. */
  readonly seconds: Readonly<Record<string, number>>
}

export interface Subject {
  readonly model: FaceModel
  readonly guide: Recognizer
  readonly recognizers: readonly Recognizer[]
  /** Either task or both; the key is made as the first of them says. */
  readonly recipes: { readonly anonymize?: Recipe; readonly hide?: Recipe }
}

export type Pictures = Partial<Record<Variant, readonly Image[]>> & { original: readonly Image[] }

/** Measures one aligned face. Everything is compared as the bytes that a picture file would hold. */
export async function measureFace(
  { model, guide, recognizers, recipes }: Subject,
  original: Image,
  { id, identity }: { id: string; identity: string },
): Promise<{ measurement: FaceMeasurement; pictures: Pictures }> {
  const seconds: Record<string, number> = {}
  const timed = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
    const started = performance.now()
    const result = await work()
    seconds[name] = (performance.now() - started) / 1000
    return result
  }
  const picturesOf = (name: string, make: () => tf.Tensor4D | Promise<tf.Tensor4D>) =>
    timed(name, async () => {
      const tensor = await make()
      const images = await fromTensor(tensor)
      tensor.dispose()
      return images
    })

  const face = toTensor(original)
  const pictures: Partial<Record<Variant | 'original', Image[]>> & { original: Image[] } = { original: [original] }
  pictures.reconstruction = await picturesOf('reconstruct', () =>
    tf.tidy(() => tf.clipByValue(model.decode(model.encode(face)), -1, 1)),
  )
  const { anonymize, hide } = recipes
  if (anonymize)
    pictures.anonymized = await picturesOf('anonymize', () =>
      protectFace(model, guide, face, anonymize, { identity: id }),
    )
  if (hide) pictures.hidden = await picturesOf('hide', () => protectFace(model, guide, face, hide, { identity: id }))
  const { recovery, seed } = (anonymize ?? hide)!
  const secret = await timed('make key', () => makeSecret(model, face, (anonymize ?? hide)!))
  const wrong = await wrongSecret(secret, original, seed)
  pictures.recovered = await picturesOf('recover', () => recoverFace(model, secret, recovery.steps))
  pictures.wrongKey = await picturesOf('recover wrongly', () => recoverFace(model, wrong, recovery.steps))
  tf.dispose([face, secret.vectors, secret.latent, wrong.vectors, wrong.latent])

  const measurement = await timed('measure', async () => ({
    id,
    identity,
    cosines: await compare(recognizers, pictures),
    psnr: each(pictures, ['reconstruction', 'recovered', 'wrongKey'], image => psnr(original, image)),
    ssim: each(pictures, variants, image => ssim(original, image, 'luma')),
    detection: {
      original: [await detectionScore(original)],
      ...(pictures.anonymized && { anonymized: await inTurn(pictures.anonymized, detectionScore) }),
    },
  }))
  return { measurement: { ...measurement, seconds }, pictures }
}

/** A key of the same shapes that is not this face's. */
async function wrongSecret(
  { vectors, latent }: RecoverySecret,
  original: Image,
  seed: number,
): Promise<RecoverySecret> {
  const key = {
    picture: pictureHash(original.data),
    face: 0,
    shapes: { embeddings: vectors.shape, latent: latent.shape.slice(1) as [number, number, number] },
    embeddings: Float32Array.from(await vectors.data()),
    latent: Float32Array.from(await latent.data()),
  }
  const wrong = wrongKey(key, seed)
  return { vectors: tf.tensor2d(wrong.embeddings, vectors.shape), latent: tf.tensor4d(wrong.latent, latent.shape) }
}

/** Cosines of all comparisons under every recognizer, the pictures embedded in one batch. */
async function compare(recognizers: readonly Recognizer[], pictures: Pictures): Promise<FaceMeasurement['cosines']> {
  const present = variants.filter(variant => pictures[variant])
  const images = [pictures.original, ...present.map(variant => pictures[variant]!)].flat()
  const batch = tf.tidy(() => tf.concat(images.map(toTensor)))
  const cosines: Scores<Comparison, Record<string, number[]>> = {}
  for (const recognizer of recognizers) {
    const products = tf.tidy(() => {
      const embeddings = recognizer.embed(batch)
      return tf.matMul(embeddings, embeddings, false, true)
    })
    const table = (await products.array()) as number[][]
    products.dispose()
    const add = (comparison: Comparison, values: number[]) => {
      cosines[comparison] = { ...cosines[comparison], [recognizer.name]: values }
    }
    let row = 1
    for (const variant of present) {
      const rows = pictures[variant]!.map((_, i) => row + i)
      row += rows.length
      add(
        variant,
        rows.map(i => table[0]![i]!),
      )
      if (variant === 'anonymized' && rows.length > 1)
        add(
          'betweenSamples',
          rows.flatMap(i => rows.filter(j => j > i).map(j => table[i]![j]!)),
        )
    }
  }
  batch.dispose()
  return cosines
}

/** `measure` of every picture of these variants. */
function each(
  pictures: Pictures,
  of: readonly Variant[],
  measure: (image: Image) => number,
): Scores<Variant, number[]> {
  return Object.fromEntries(
    of.filter(variant => pictures[variant]).map(variant => [variant, pictures[variant]!.map(measure)]),
  )
}

async function inTurn<T, U>(values: readonly T[], work: (value: T) => Promise<U>): Promise<U[]> {
  const results: U[] = []
  for (const value of values) results.push(await work(value))
  return results
}
