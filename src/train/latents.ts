/**
 * What is frozen while a diffusion model or MSI is trained, computed once: scaled latents of every face and of its mirror
 * image, identity embeddings and, for MSI, features at five depths.
 */
import * as tf from '@tensorflow/tfjs'
import type { FaceStore } from '../data/face-store.ts'
import { type Autoencoder, splitMoments } from '../models/autoencoder.ts'
import type { FeatureNetwork } from '../models/features/feature-network.ts'
import type { Weights } from '../models/module.ts'

/** Rows of equal shape, kept off the tensor backend. */
class Rows {
  readonly data: Float32Array
  constructor(
    readonly count: number,
    readonly shape: readonly number[],
  ) {
    this.data = new Float32Array(count * this.width)
  }
  get width(): number {
    return this.shape.reduce((a, b) => a * b, 1)
  }
  async write(row: number, tensor: tf.Tensor): Promise<void> {
    this.data.set(await tensor.data(), row * this.width)
  }
  read(rows: readonly number[]): tf.Tensor {
    const values = new Float32Array(rows.length * this.width)
    for (const [i, row] of rows.entries())
      values.set(this.data.subarray(row * this.width, (row + 1) * this.width), i * this.width)
    return tf.tensor(values, [rows.length, ...this.shape])
  }
}

/** Latents, embeddings and features of all faces, in memory; batches of them as tensors. */
export class LatentCache {
  private constructor(
    private readonly latents: Rows,
    private readonly embeddings: Rows,
    private readonly features: readonly Rows[],
    /** Standard deviation of the latents, which scaling should have brought to 1. */
    readonly deviation: number,
  ) {}

  /**
   * Runs the frozen networks over all faces; entry i is face i, entry count + i its mirror image.
   * @param scaleFactor multiplies the autoencoder's latents
   * @param withFeatures whether to keep the features too
   * @param mirrored whether to have the mirror images
   * @param onProgress told how many faces of how many are done
   * @throws Error when there are no faces
   */
  static async build(
    faces: FaceStore,
    { encode }: Pick<Autoencoder, 'encode'>,
    weights: Weights,
    network: FeatureNetwork,
    {
      scaleFactor,
      withFeatures = false,
      mirrored = true,
      batchSize = 32,
    }: { scaleFactor: number; withFeatures?: boolean; mirrored?: boolean; batchSize?: number },
    onProgress: (done: number, total: number) => void,
  ): Promise<LatentCache> {
    const total = faces.count * (mirrored ? 2 : 1)
    let latents: Rows | undefined
    let embeddings: Rows | undefined
    let features: Rows[] = []
    for (let start = 0; start < faces.count; start += batchSize) {
      const indices = Array.from({ length: Math.min(batchSize, faces.count - start) }, (_, i) => start + i)
      const upright = await faces.faces(indices)
      for (const side of mirrored ? [0, 1] : [0]) {
        const results = tf.tidy(() => {
          const images = side === 0 ? upright : (tf.reverse(upright, 2) as tf.Tensor4D)
          return { latent: splitMoments(encode(weights, images)).mean, ...network.features(images) }
        })
        latents ??= new Rows(total, results.latent.shape.slice(1))
        embeddings ??= new Rows(total, results.embedding.shape.slice(1))
        if (features.length === 0 && withFeatures)
          features = results.features.map(f => new Rows(total, f.shape.slice(1)))
        const row = side * faces.count + start
        await latents.write(row, results.latent)
        await embeddings.write(row, results.embedding)
        for (const [k, rows] of features.entries()) await rows.write(row, results.features[k]!)
        tf.dispose(results as unknown as tf.TensorContainer)
      }
      upright.dispose()
      onProgress(start + indices.length, faces.count)
    }
    if (!latents || !embeddings) throw new Error('LatentCache: no faces')
    for (let i = 0; i < latents.data.length; i++) latents.data[i]! *= scaleFactor
    return new LatentCache(latents, embeddings, features, standardDeviation(latents.data))
  }

  get count(): number {
    return this.latents.count
  }

  get embeddingWidth(): number {
    return this.embeddings.width
  }

  /** Latents [n, l, l, z] and identity embeddings [n, e] of entries. */
  batch(rows: readonly number[]): { latents: tf.Tensor4D; embeddings: tf.Tensor2D } {
    return { latents: this.latents.read(rows) as tf.Tensor4D, embeddings: this.embeddings.read(rows) as tf.Tensor2D }
  }

  /** Features of entries at five depths, [n, t_k, c_k]. */
  featuresOf(rows: readonly number[]): tf.Tensor3D[] {
    return this.features.map(feature => feature.read(rows) as tf.Tensor3D)
  }
}

function standardDeviation(values: Float32Array): number {
  let sum = 0
  let squares = 0
  for (const v of values) {
    sum += v
    squares += v * v
  }
  const mean = sum / values.length
  return Math.sqrt(squares / values.length - mean * mean)
}
