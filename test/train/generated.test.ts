/** The diffusion and MSI in a generator's latent space, trained on generated faces. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { useBackend } from '../../src/backend/index.ts'
import { loadModelConfig } from '../../src/config/model.ts'
import { trainSchema } from '../../src/config/train.ts'
import { StoreWriter } from '../../src/data/store-writer.ts'
import { latentDiffusion, parametersOf } from '../../src/models/latent-diffusion.ts'
import { exportModel } from '../../src/train/export.ts'
import { runTraining } from '../../src/train/run.ts'
import { repositoryPath } from '../../src/util/paths.ts'
import { RandomStream } from '../../src/util/random.ts'
import { runtimeShape } from '../../src/weights/layout.ts'
import { readTensors } from '../../src/weights/open.ts'
import { saveWeights } from '../../src/weights/write-safetensors.ts'

let folder: string
beforeAll(async () => {
  await useBackend('auto')
  folder = await mkdtemp(join(tmpdir(), 'generated-'))
})
afterAll(() => rm(folder, { recursive: true }))

const size = 128

/** faces-1024 with a small denoiser and a generator of nothing. */
async function smallModel(changes: object = {}): Promise<string> {
  const model = parse(await readFile(repositoryPath('configs/models/faces-1024.yaml'), 'utf8'))
  const weights = join(folder, 'generator.safetensors')
  const path = join(folder, 'model.yaml')
  const denoiser = { ...model.denoiser, width: 16, depth: 1, heads: 2, contextDim: 16 }
  const text = { ...model.text, width: 16, innerWidth: 16, layers: 1, heads: 2 }
  const msi = { ...model.msi, dim: 16, heads: 2, headDim: 8 }
  const own = { autoencoder: weights, unet: weights, text: weights, msi: weights }
  await writeFile(path, stringify({ ...model, denoiser, text, msi, imageSize: size, weights: own, ...changes }))
  const { autoencoder } = parametersOf(latentDiffusion(await loadModelConfig(path)))
  const zeros = Object.entries(autoencoder).map(([name, shape]) => [name, tf.zeros(runtimeShape(shape))] as const)
  const all = { ...Object.fromEntries(zeros), 'latent_statistics.deviation': tf.fill([512], 0.5) }
  await saveWeights(weights, all, {}, 'F16')
  tf.dispose([...zeros.map(([, tensor]) => tensor), all['latent_statistics.deviation']])
  return path
}

/** Faces of one colour each, with latents of N(0, deviation^2). */
async function store(count: number, deviation: number): Promise<string> {
  const path = join(folder, `faces-${deviation}`)
  const writer = await StoreWriter.create(path, size, { hasLatents: true })
  for (let i = 0; i < count; i++) {
    const latents = new RandomStream(1, 'latents', i).normals(16 * 512).map(value => value * deviation)
    await writer.add({ id: `${i}`, identity: `${i}` }, new Uint8Array(size ** 2 * 3).fill(40 * i), latents)
  }
  await writer.finish()
  return path
}

it('trains both on their latents, scaled, beginning at the loss of the exact denoiser', async () => {
  const faces = [await store(3, 0.25)]
  const shared = {
    steps: 2,
    batchSize: 2,
    learningRate: { peak: 1e-4 },
    precision: 'float32',
    logEvery: 1,
    loss: 'velocity',
  }
  const losses: number[] = []
  const runs = { diffusion: join(folder, 'diffusion'), msi: join(folder, 'msi') }
  const run = async (model: string, task: 'diffusion' | 'msi') =>
    runTraining(
      trainSchema.parse({ ...shared, task, ...(task === 'msi' ? { dropout: 0.05 } : { emptyPrompts: 0.15 }) }),
      await loadModelConfig(model),
      { faces, out: runs[task], ...(task === 'msi' && { diffusion: runs.diffusion }) },
      { onPrepare: () => {}, onReport: ({ loss }) => losses.push(loss) },
    )
  await expect(run(await smallModel(), 'diffusion')).rejects.toThrow(
    /standard deviation 0.499.*set scaleFactor: 2\.006 in/,
  )
  const model = await smallModel({ scaleFactor: 2 })
  await run(model, 'diffusion')
  await run(model, 'msi')
  // The velocity of latents of N(0, I) has variance 1, and nothing of it is predicted yet.
  expect(losses).toHaveLength(4)
  for (const loss of losses) expect(Math.abs(loss - 1)).toBeLessThan(0.05)

  const out = join(folder, 'trained.safetensors')
  await exportModel(await loadModelConfig(model), runs, out)
  const prefixesFound = new Set([...(await readTensors(out)).keys()].map(name => name.split('.')[0]))
  expect([...prefixesFound].sort()).toEqual(['cond_stage_model', 'model', 'msi'])
}, 240_000)
