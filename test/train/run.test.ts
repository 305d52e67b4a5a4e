import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { loadModelConfig } from '../../src/config/model.ts'
import { trainSchema } from '../../src/config/train.ts'
import { latentDiffusion, parametersOf, prefixes } from '../../src/models/latent-diffusion.ts'
import { withoutPrefix, withPrefix } from '../../src/models/module.ts'
import { loadModel } from '../../src/pipeline/model.ts'
import { loadNetworkWeights } from '../../src/pipeline/model-weights.ts'
import { loadAverage, readNote } from '../../src/train/checkpoint.ts'
import { exportModel } from '../../src/train/export.ts'
import { lastCheckpoint } from '../../src/train/keep.ts'
import { runTraining } from '../../src/train/run.ts'
import { withLock } from '../../src/util/lock.ts'
import { type TinyModel, tinyModel } from '../pipeline/tiny-model.ts'
import { unknown, writeStore } from './faces.ts'

let folder: string
let tiny: TinyModel
beforeAll(async () => {
  await useBackend('wasm')
  folder = await mkdtemp(join(tmpdir(), 'run-'))
  tiny = await tinyModel()
})
afterAll(async () => {
  await rm(folder, { recursive: true })
  await rm(tiny.folder, { recursive: true })
})

const shared = { steps: 2, batchSize: 2, learningRate: { peak: 1e-4 }, precision: 'float32', logEvery: 1 }
const configs = {
  autoencoder: {
    ...shared,
    task: 'autoencoder',
    edgeWeight: 0.5,
    featureWeight: 0.05,
    identityWeights: { faceres: 0.1 },
    klWeight: 1e-5,
    latentNoise: 0,
  },
  diffusion: { ...shared, task: 'diffusion', emptyPrompts: 0.15 },
  msi: { ...shared, task: 'msi', dropout: 0.05 },
}

const noiseFaces = (count: number, size: number) => writeStore(join(folder, `store-${size}`), unknown(count), size)

it('trains a model network by network, each upon the last, and puts it into one file that loads', async () => {
  const faces = [await noiseFaces(4, 64)]
  const runs = Object.fromEntries(Object.keys(configs).map(task => [task, join(folder, task)])) as Record<
    keyof typeof configs,
    string
  >
  const losses: number[] = []
  const run = async (task: keyof typeof configs, modelPath: string) =>
    runTraining(
      trainSchema.parse(configs[task]),
      await loadModelConfig(modelPath),
      {
        faces,
        out: runs[task],
        ...(task !== 'autoencoder' && { autoencoder: runs.autoencoder }),
        ...(task === 'msi' && { diffusion: runs.diffusion }),
      },
      { onPrepare: () => {}, onReport: ({ loss }) => losses.push(loss) },
    )
  await run('autoencoder', tiny.path)
  // Latents of another deviation than 1 are refused, with the scale that would make it so.
  const refusal = await run('diffusion', tiny.path).catch((error: Error) => error.message)
  const scaleFactor = Number(/expected 1: set scaleFactor: ([\d.e+-]+) in/.exec(String(refusal))?.[1])
  expect(scaleFactor).toBeGreaterThan(0)
  const scaled = tiny.variant('scaled', { scaleFactor })
  await run('diffusion', scaled)
  await run('msi', scaled)
  expect(losses).toHaveLength(6)
  for (const loss of losses) expect(loss).toBeGreaterThan(0)

  const weights = join(folder, 'model.safetensors')
  const sha256 = await exportModel(await loadModelConfig(scaled), runs, weights)
  const model = await loadModel(tiny.variant('trained', { scaleFactor, weights, sha256 }))
  expect(model.sha256).toBe(sha256)
  expect(model.latentShape).toEqual([8, 8, 4])

  // A network alone: MSI for a base model whose weights are elsewhere.
  const msi = join(folder, 'msi.safetensors')
  await exportModel(await loadModelConfig(scaled), { msi: runs.msi }, msi)
  const parts = { autoencoder: weights, unet: weights, text: weights, msi }
  const joined = await loadModel(tiny.variant('joined', { scaleFactor, weights: parts }))
  const face = tf.zeros([1, 64, 64, 3]) as tf.Tensor4D
  expect([...joined.placeholders(face).dataSync()]).toEqual([...model.placeholders(face).dataSync()])
  await expect(exportModel(await loadModelConfig(scaled), {}, msi)).rejects.toThrow('expected a run to export')
  const misnamed = exportModel(await loadModelConfig(scaled), { msi: runs.diffusion }, msi)
  await expect(misnamed).rejects.toThrow(`expected a run of the task msi in ${runs.diffusion}, found diffusion`)
  const config = await loadModelConfig(scaled)
  const released = exportModel({ ...config, msi: { ...config.msi, variant: 'released' } }, { msi: runs.msi }, msi)
  await expect(released).rejects.toThrow('expected MSI of the variant released')
})

it.each(['autoencoder', 'diffusion', 'msi'] as const)(
  'trains the model’s own %s further, with little of it changed',
  async task => {
    const scaleFactor = task === 'diffusion' ? 3.057 : 1 // Of latents of noise.
    const model = await loadModelConfig(tiny.variant(`further-${task}`, { scaleFactor }))
    const out = join(folder, `further-${task}`)
    const config = trainSchema.parse({ ...configs[task], startFrom: 'trained', steps: 1 })
    await runTraining(
      config,
      model,
      { faces: [await noiseFaces(4, 64)], out },
      { onPrepare: () => {}, onReport: () => {} },
    )
    const network = task === 'diffusion' ? 'unet' : task
    const prefix = task === 'diffusion' ? prefixes.unet : ''
    const parameters = parametersOf(latentDiffusion(model))[network]
    const own = await loadNetworkWeights(model, network, parameters)
    const after = withoutPrefix(await loadAverage(lastCheckpoint(out), withPrefix(parameters, prefix)), prefix)
    for (const [name, before] of Object.entries(own)) {
      const change = tf.tidy(() => tf.max(tf.abs(tf.sub(after[name]!, before))).dataSync()[0]!)
      expect(change, name).toBeLessThan(0.01)
    }
    tf.dispose([...Object.values(own), ...Object.values(after)])
  },
)

it('leaves a folder alone in which another process trains', async () => {
  const out = join(folder, 'taken')
  const model = await loadModelConfig(tiny.path)
  const faces = [await noiseFaces(4, 64)]
  const events = { onPrepare: () => {}, onReport: () => {} }
  await withLock(join(out, '.lock'), 'another', async () => {
    const training = runTraining(trainSchema.parse(configs.autoencoder), model, { faces, out }, events)
    await expect(training).rejects.toThrow(`training in ${out}: process ${process.pid} is at it`)
    expect(await readdir(out)).toEqual(['.lock'])
  })
})

it('does not train one variant of MSI further as another', async () => {
  const model = await loadModelConfig(tiny.path)
  const variant = model.msi.variant === 'released' ? 'patch' : 'released'
  const config = trainSchema.parse({ ...configs.msi, startFrom: 'trained', variant })
  const paths = { faces: [await noiseFaces(4, 64)], out: join(folder, 'other-variant') }
  const training = runTraining(config, model, paths, { onPrepare: () => {}, onReport: () => {} })
  await expect(training).rejects.toThrow(`expected the variant ${model.msi.variant}`)
})

it('says which faces do not fit', async () => {
  const model = await loadModelConfig(tiny.path)
  const events = { onPrepare: () => {}, onReport: () => {} }
  const out = join(folder, 'none')
  const small = { faces: [await noiseFaces(2, 32)], out }
  const diffusion = trainSchema.parse(configs.diffusion)
  await expect(runTraining(diffusion, model, small, events)).rejects.toThrow(
    /expected faces of 64 x 64 for model '[^']*', found 32 x 32/,
  )
})

it('validates on nobody who is trained on', async () => {
  const model = await loadModelConfig(tiny.path)
  const entries = ['Ann', 'Ben'].map(identity => ({ id: `${identity}/1.jpg`, identity }))
  const faces = [await writeStore(join(folder, 'known'), entries)]
  const paths = { faces, validate: faces, out: join(folder, 'same-people') }
  const training = runTraining(trainSchema.parse(configs.msi), model, paths, {
    onPrepare: () => {},
    onReport: () => {},
  })
  await expect(training).rejects.toThrow('expected nobody in both --faces and --validate, found 2 people')
})

it('says when it resumes with another number of threads, which its checkpoints record', async () => {
  onTestFinished(() => void vi.unstubAllEnvs())
  const model = await loadModelConfig(tiny.path)
  const paths = { faces: [await noiseFaces(4, 64)], out: join(folder, 'threads') }
  const notes: string[] = []
  const events = { onPrepare: () => {}, onReport: () => {}, onNote: (text: string) => notes.push(text) }
  const run = async (threads: number, steps: number) => {
    vi.stubEnv('TF_NUM_INTRAOP_THREADS', `${threads}`)
    // Named only: what computes is the backend in use.
    const own = { ...configs.autoencoder, featureWeight: 0, identityWeights: {}, backend: 'tensorflow', steps }
    await runTraining(trainSchema.parse(own), model, paths, events)
    return (await readNote(lastCheckpoint(paths.out)))!.threads
  }
  expect(await run(2, 1)).toBe('2')
  expect(await run(2, 2)).toBe('2')
  expect(notes).toEqual([])
  expect(await run(1, 3)).toBe('1')
  expect(notes).toEqual([expect.stringContaining('another number of threads (2 before, 1 now)')])
})

it("trains on a decoder alone, from a run's or from the model's own, and leaves the encoder out of it", async () => {
  const model = await loadModelConfig(tiny.path)
  const faces = [await noiseFaces(4, 64)]
  const further = { decoderOnly: true, adversarialWeight: 0.05, latentNoise: 0.2, steps: 1 }
  const config = trainSchema.parse({ ...configs.autoencoder, ...further })
  const out = join(folder, 'decoder')
  const events = { onPrepare: () => {}, onReport: () => {} }
  await runTraining(config, model, { faces, out }, events)
  const { autoencoder } = latentDiffusion(model)
  const after = await loadAverage(lastCheckpoint(out), autoencoder.decode.parameters)
  const own = await loadNetworkWeights(model, 'autoencoder', parametersOf(latentDiffusion(model)).autoencoder)
  const change = (name: string) => tf.tidy(() => tf.max(tf.abs(tf.sub(after[name]!, own[name]!))).dataSync()[0]!)
  expect(Object.keys(after).filter(name => name in autoencoder.encode.parameters)).toEqual([])
  const changes = Object.keys(after).map(change)
  expect(Math.max(...changes)).toBeGreaterThan(0)
  expect(Math.max(...changes)).toBeLessThan(0.01)

  // It does not go on from other weights than it began with.
  const bytes = await readFile(model.weights as string)
  bytes[bytes.length - 1]! ^= 0x80
  const other = { ...model, weights: join(folder, 'other.safetensors'), sha256: undefined }
  await writeFile(other.weights, bytes)
  await runTraining(config, model, { faces, out }, events)
  await expect(runTraining(config, other, { faces, out }, events)).rejects.toThrow(
    'started differently: data.autoencoder',
  )
  await expect(exportModel(model, { decoder: out }, other.weights)).rejects.toThrow('expected --autoencoder beside')
})
