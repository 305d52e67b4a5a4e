/** Faces sampled from pure noise, without a photo. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { useBackend } from '../../backend/index.ts'
import type { Denoiser } from '../../diffusion/ddim.ts'
import { sample } from '../../diffusion/ddim.ts'
import { perturbedAttentionGuidance } from '../../diffusion/guidance.ts'
import { ddimSteps } from '../../diffusion/schedule.ts'
import { writeImage } from '../../images/codec.ts'
import { fromTensor, type Image } from '../../images/image.ts'
import { processPool } from '../../jobs/process-pool.ts'
import { defineTask } from '../../jobs/task.ts'
import type { PerturbedBlocks } from '../../models/unet.ts'
import { type FaceModel, loadModelOnce } from '../../pipeline/model.ts'
import { makeFolder } from '../../util/atomic-write.ts'
import { normal } from '../../util/random.ts'

export interface Drawing {
  /** DDIM steps, 1 to half of the model's timesteps. */
  readonly steps: number
  /** Noise that the steps add: 0 for none, 1 for as much as DDPM adds. */
  readonly eta: number
  /** How far to go away from noise predicted without self-attention, 0 for not at all. */
  readonly attentionGuidance: number
}

/** A face for each seed: DDIM from z_T ~ N(0, I) under the embedding of the empty prompt. */
export async function drawFaces(
  model: FaceModel,
  seeds: readonly number[],
  { steps, eta, attentionGuidance }: Drawing,
): Promise<Image[]> {
  const denoiser =
    (perturbed?: PerturbedBlocks): Denoiser =>
    (z, timestep) =>
      model.predictNoise(z, timestep, model.unconditional, perturbed)
  const faces = tf.tidy(() => {
    const noise = (...purpose: (string | number)[]) =>
      tf.stack(seeds.map(seed => normal([...model.latentShape], seed, 'face from noise', ...purpose))) as tf.Tensor4D
    const clean = sample(
      perturbedAttentionGuidance(denoiser(), denoiser('all'), attentionGuidance),
      noise(),
      ddimSteps(model.schedule, steps),
      { eta, noise: timestep => noise('added', timestep) },
    )
    return tf.clipByValue(model.decode(clean), -1, 1) as tf.Tensor4D
  })
  const images = await fromTensor(faces)
  faces.dispose()
  return images
}

// What worker processes do: draw a batch of faces.

export interface DrawInput extends Drawing {
  readonly model: string
  /** By seed, where its face goes. */
  readonly paths: readonly (readonly [seed: number, path: string])[]
}

/** @returns seconds, loading apart */
export const drawTask = defineTask(
  'draw',
  import.meta.url,
  async ({ model: name, paths, ...drawing }: DrawInput, { environment }) => {
    await useBackend(environment.backend)
    const model = await loadModelOnce(name)
    const started = performance.now()
    const seeds = paths.map(([seed]) => seed)
    for (const [i, image] of (await drawFaces(model, seeds, drawing)).entries()) await writeImage(paths[i]![1], image)
    return (performance.now() - started) / 1000
  },
)

// A folder of faces sampled from noise, one per seed; an interrupted run resumes filling it.

/** Batch size of sampling: larger batches are no faster on a CPU. */
const batchSize = 16

export interface DrawOptions extends Drawing {
  readonly model: string
  /** Seeds 0 to `count` - 1. */
  readonly count: number
  readonly folder: string
  /** Worker processes. */
  readonly jobs: number
  readonly backend: string
  /** Told of the faces that were not there, and what one of them took in seconds of a process. */
  readonly onProgress?: (done: number, total: number, secondsEach: number) => void
}

/**
 * Draws the faces that are not in the folder yet.
 * @returns the path of each, by seed
 */
export async function drawMissing(options: DrawOptions): Promise<string[]> {
  const { model, steps, eta, attentionGuidance, count, folder, jobs, backend, onProgress = () => {} } = options
  await makeFolder(folder)
  const paths = Array.from({ length: count }, (_, seed) => join(folder, `${String(seed).padStart(5, '0')}.png`))
  const missing = [...paths.entries()].filter(([, path]) => !existsSync(path))
  const batches = Array.from({ length: Math.ceil(missing.length / batchSize) }, (_, i) => ({
    ...{ model, steps, eta, attentionGuidance },
    paths: missing.slice(i * batchSize, (i + 1) * batchSize),
  }))
  const pool = processPool({ processes: jobs, scratch: folder, environment: { backend } })
  let [done, seconds] = [0, 0]
  const onResult = (taken: number, i: number) => {
    seconds += taken
    done += batches[i]!.paths.length
    onProgress(done, missing.length, seconds / done)
  }
  await pool
    .map(drawTask, batches, { id: i => `draw-${batches[i]!.paths[0]![0]}`, onResult })
    .finally(() => pool.close())
  return paths
}
