/** Real tasks that are interrupted: what they draw at random is a function of the step, whatever came before it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { loadModelConfig } from '../../src/config/model.ts'
import { trainSchema } from '../../src/config/train.ts'
import { readNote } from '../../src/train/checkpoint.ts'
import { lastCheckpoint } from '../../src/train/keep.ts'
import { runTraining } from '../../src/train/run.ts'
import { type TinyModel, tinyModel } from '../pipeline/tiny-model.ts'
import { unknown, writeStore } from './faces.ts'

let folder: string
let tiny: TinyModel
beforeAll(async () => {
  await useBackend('wasm')
  folder = await mkdtemp(join(tmpdir(), 'interrupted-'))
  tiny = await tinyModel()
})
afterAll(async () => {
  await rm(folder, { recursive: true })
  await rm(tiny.folder, { recursive: true })
})

const shared = {
  steps: 5,
  // Of three faces, so that batches run on over the end of an epoch.
  batchSize: 2,
  accumulate: 2,
  learningRate: { peak: 1e-3 },
  averageDecay: 0.5,
  precision: 'float32',
  logEvery: 1,
  checkpointEvery: 3,
}
const configs = {
  autoencoder: {
    ...shared,
    task: 'autoencoder',
    edgeWeight: 0.5,
    featureWeight: 0,
    identityWeights: {},
    klWeight: 1e-5,
    latentNoise: 0.2,
    variation: 0.2,
    adversarialWeight: 0.1,
  },
  diffusion: { ...shared, task: 'diffusion', emptyPrompts: 0.3, minSnr: 5 },
}

it.each(['autoencoder', 'diffusion'] as const)('%s: goes on to the same bits', async task => {
  const scaleFactor = task === 'diffusion' ? 3.057 : 1 // Of latents of noise.
  const model = await loadModelConfig(tiny.variant(task, { scaleFactor }))
  const faces = [await writeStore(join(folder, 'faces'), unknown(3))]
  const config = trainSchema.parse(configs[task])
  /** Trains until the step `last`: not to the end, where samples are drawn, which takes longer than all else. */
  const train = (out: string, last: number) => {
    const stop = new AbortController()
    const onReport = ({ step }: { step: number }) => step === last && stop.abort()
    const events = { onPrepare: () => {}, onReport }
    return runTraining(config, model, { faces, out, cache: join(folder, 'frozen') }, events, { signal: stop.signal })
  }
  const [whole, parts] = [join(folder, task, 'whole'), join(folder, task, 'parts')]
  await train(whole, 4)
  for (const last of [2, 4]) {
    await train(parts, last)
    expect((await readNote(lastCheckpoint(parts)))!.step).toBe(last)
  }
  for (const name of ['last', 'best']) {
    const [wanted, found] = await Promise.all([whole, parts].map(place => readFile(join(place, `${name}.safetensors`))))
    expect(found!.equals(wanted!), name).toBe(true)
  }
})
