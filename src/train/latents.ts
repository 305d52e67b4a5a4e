/**
 * What is frozen while a diffusion model or MSI is trained, computed once and kept on disk: latents of every face and of
 * its mirror image, embeddings and, for MSI, features at five depths. A step then reads a few rows. Generated faces have the
 * latents that they were generated from; mirror images of theirs have none.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { z } from 'zod'
import type { FaceStore } from '../data/face-store.ts'
import type { FeatureNetwork } from '../models/clip-features.ts'
import { makeFolder, writeJsonAtomic } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { readRegularText } from '../util/regular-file.ts'

/** Structure of the latents that noise and loss depend on. */
export interface LatentStructure {
  /** Sizes of the groups of rows that share one noise sample; without them every row has independent noise. */
  readonly rowGroups?: readonly number[] | undefined
  /** Weights of the squared error by channel, [z], 1 on average; equal weights without it. */
  readonly channelWeights?: tf.Tensor1D | undefined
}

/** The networks that do not learn. */
export interface FrozenNetworks {
  /** Faces [n, s, s, 3] -> latents [n, l, l, z], scaled. */
  encode(faces: tf.Tensor4D): tf.Tensor4D
  /** Latents that generated faces come with -> those that `encode` would give. */
  fromGenerated(latents: tf.Tensor4D): tf.Tensor4D
  readonly features: FeatureNetwork['features']
}

export interface LatentOptions {
  /** Which faces of the store. */
  readonly faces: readonly number[]
  /** Whether to have the mirror images too. */
  readonly mirrored: boolean
  /** What to keep of the features: nothing, the mean of each depth's tokens, or all of them. */
  readonly features: 'none' | 'means' | 'tokens'
}

/** Faces of a size that the frozen networks see at once: as many pixels as 32 of 128 x 128 have. */
export function frozenBatchSize(imageSize: number): number {
  return Math.max(1, Math.min(32, Math.floor(32 * (128 / imageSize) ** 2)))
}

/** What a row holds one after the other: latent, embedding and features, by their shapes. */
type Layout = readonly (readonly number[])[]

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
const widthOf = (layout: Layout) => layout.reduce((sum, shape) => sum + sizeOf(shape), 0)

/** Rows of the frozen networks' outputs, in one file; batches of them as tensors. */
export class LatentCache {
  private constructor(
    private readonly file: FileHandle,
    private readonly layout: Layout,
    readonly count: number,
    private readonly statistics: Statistics,
  ) {}

  /** Standard deviation of the latents, which scaling should have brought to 1. */
  get deviation(): number {
    return this.statistics.deviation
  }

  /** Mean and standard deviation of each number of the embeddings. */
  get embeddings(): Statistics['embeddings'] {
    return this.statistics.embeddings
  }

  /**
   * Opens the cache in `folder` for these faces, networks and options, and computes what is missing: an interrupted
   * computation resumes. Row i is face i of `options.faces`, row count + i its mirror image.
   * @param onProgress told how many rows of how many are done
   * @throws UserError when there are no faces, generated ones are to be mirrored, or there is no room on the disk
   */
  static async open(
    folder: string,
    store: FaceStore,
    networks: FrozenNetworks,
    options: LatentOptions,
    onProgress: (done: number, total: number) => void,
  ): Promise<LatentCache> {
    const { faces, mirrored } = options
    if (faces.length === 0) throw new UserError('expected faces to train on, found none')
    if (mirrored && store.hasLatents)
      throw new UserError('expected faces as they were generated, whose mirror images have no latents: leave out flip')
    const first = await frozenRows(store, networks, options, [faces[0]!], false)
    const path = join(folder, keyOf(store, options, first.values))
    await makeFolder(folder)
    const file = await open(`${path}.f32`, 'a+')
    const width = widthOf(first.layout)
    const total = faces.length * (mirrored ? 2 : 1)
    const batchSize = frozenBatchSize(store.size)
    let done = wholeBatches(Math.floor((await file.stat()).size / (4 * width)), faces.length, batchSize)
    await checkRoom(folder, 4 * width * (total - done), total)
    await file.truncate(done * 4 * width)
    while (done < total) {
      const [start, isMirror] = done < faces.length ? [done, false] : [done - faces.length, true]
      const indices = faces.slice(start, start + batchSize)
      const { values } = await frozenRows(store, networks, options, indices, isMirror)
      await file.appendFile(new Uint8Array(values.buffer))
      done += indices.length
      onProgress(done, total)
    }
    const { size } = await file.stat()
    if (size !== 4 * width * total)
      throw new UserError(
        `${path}.f32 holds ${size} bytes, expected ${4 * width * total}: two runs have written it at once; remove it and run again`,
      )
    return new LatentCache(file, first.layout, total, await statisticsOf(`${path}.json`, file, first.layout, total))
  }

  get embeddingWidth(): number {
    return this.layout[1]![0]!
  }

  /** Latents [n, l, l, z] and embeddings [n, e] of rows. */
  async batch(rows: readonly number[]): Promise<{ latents: tf.Tensor4D; embeddings: tf.Tensor2D }> {
    const [latents, embeddings] = await this.read(rows, [0, 1])
    return { latents: latents as tf.Tensor4D, embeddings: embeddings as tf.Tensor2D }
  }

  /** Latents and features at five depths, [n, t_k, c_k]. */
  async featured(rows: readonly number[]): Promise<{ latents: tf.Tensor4D; features: tf.Tensor3D[] }> {
    const [latents, ...features] = await this.read(rows, [0, 2, 3, 4, 5, 6])
    return { latents: latents as tf.Tensor4D, features: features as tf.Tensor3D[] }
  }

  async close(): Promise<void> {
    await this.file.close()
  }

  /** Some parts of the layout, [n, ...shape] each. A row is read whole: it lies together, and most of it is wanted. */
  private async read(rows: readonly number[], parts: readonly number[]): Promise<tf.Tensor[]> {
    const width = widthOf(this.layout)
    const values = new Float32Array(rows.length * width)
    const bytes = new Uint8Array(values.buffer)
    await Promise.all(rows.map((row, i) => this.file.read(bytes, 4 * i * width, 4 * width, 4 * row * width)))
    return parts.map(part => {
      const start = widthOf(this.layout.slice(0, part))
      const size = sizeOf(this.layout[part]!)
      const own = new Float32Array(rows.length * size)
      for (const i of rows.keys()) own.set(values.subarray(i * width + start, i * width + start + size), i * size)
      return tf.tensor(own, [rows.length, ...this.layout[part]!])
    })
  }
}

/** Of `done` rows those in whole batches: what a face's row is to the last digit may depend on the faces beside it. */
function wholeBatches(done: number, faces: number, batchSize: number): number {
  const start = done < faces ? 0 : faces
  return done >= 2 * faces ? done : done - ((done - start) % batchSize)
}

/** The frozen networks' outputs of some faces, row by row. */
async function frozenRows(
  store: FaceStore,
  { encode, fromGenerated, features }: FrozenNetworks,
  { features: kept }: LatentOptions,
  indices: readonly number[],
  isMirror: boolean,
): Promise<{ layout: Layout; values: Float32Array }> {
  const upright = await store.faces(indices)
  const own = store.hasLatents ? await store.latents(indices) : undefined
  const outputs = tf.tidy(() => {
    const faces = isMirror ? (tf.reverse(upright, 2) as tf.Tensor4D) : upright
    const { embedding, features: scales } = features(faces)
    const means = kept === 'means' ? scales.map(scale => tf.mean(scale, 1, true)) : scales
    const latents = own ? fromGenerated(own) : encode(faces)
    return [latents, embedding, ...(kept === 'none' ? [] : means)] as tf.Tensor[]
  })
  const n = indices.length
  const flat = tf.tidy(() =>
    tf.concat(
      outputs.map(output => tf.reshape(output, [n, -1])),
      1,
    ),
  )
  const values = Float32Array.from(await flat.data())
  tf.dispose([upright, own, flat, ...outputs] as tf.TensorContainer)
  return { layout: outputs.map(({ shape }) => shape.slice(1)), values }
}

/**
 * A name for everything that the rows depend on. The networks are known by what they make of the first face, and so is the
 * backend, whose last digits may differ from another's.
 */
function keyOf({ checksum }: FaceStore, options: LatentOptions, first: Float32Array): string {
  const hash = createHash('sha256').update(checksum).update(JSON.stringify(options)).update(first)
  return `latents-${hash.digest('hex').slice(0, 16)}`
}

async function checkRoom(folder: string, bytes: number, rows: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const gigabytes = (value: number) => `${(value / 1e9).toPrecision(3)} GB`
  if (bytes > bavail * bsize)
    throw new UserError(
      `the latents and features of ${rows} faces want ${gigabytes(bytes)} in ${folder}, which has ${gigabytes(bavail * bsize)}: make room, name another folder with --cache, or train a variant of MSI that reads means of features (variant: released)`,
    )
}

const statisticsSchema = z.object({
  deviation: z.number().positive(),
  embeddings: z.object({ mean: z.array(z.number()), deviation: z.array(z.number()) }),
})
type Statistics = z.output<typeof statisticsSchema>

/** What all rows are like, written down once it has been computed; computed again where the note is damaged. */
async function statisticsOf(path: string, file: FileHandle, layout: Layout, count: number): Promise<Statistics> {
  const known = await readRegularText(path)
    .then(text => statisticsSchema.parse(JSON.parse(text)))
    .catch(() => undefined)
  if (known) return known
  const width = widthOf(layout)
  const [latentSize, embeddingSize] = [sizeOf(layout[0]!), sizeOf(layout[1]!)]
  const read = new Float32Array(latentSize + embeddingSize)
  let [sum, squares] = [0, 0]
  const [sums, squaresOf] = [new Float64Array(embeddingSize), new Float64Array(embeddingSize)]
  for (let row = 0; row < count; row++) {
    await file.read(new Uint8Array(read.buffer), 0, read.byteLength, 4 * row * width)
    for (const value of read.subarray(0, latentSize)) {
      sum += value
      squares += value * value
    }
    for (const [i, value] of read.subarray(latentSize).entries()) {
      sums[i]! += value
      squaresOf[i]! += value * value
    }
  }
  const deviationOf = (sum: number, squares: number, values: number) =>
    Math.sqrt(Math.max(0, squares / values - (sum / values) ** 2))
  const statistics: Statistics = {
    deviation: deviationOf(sum, squares, count * latentSize),
    embeddings: {
      mean: Array.from(sums, sum => sum / count),
      // A number that is the same for all faces stays 0.
      deviation: Array.from(sums, (sum, i) => deviationOf(sum, squaresOf[i]!, count) || 1),
    },
  }
  await writeJsonAtomic(path, { rows: count, layout, ...statistics })
  return statistics
}
