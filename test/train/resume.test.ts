import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadModelConfig } from '../../src/config/model.ts'
import { trainSchema } from '../../src/config/train.ts'
import { changes, checkResume, type ResolvedConfig } from '../../src/train/resume.ts'

const model = await loadModelConfig('faces-128')
const recipe = async (task: string) => {
  const text = await readFile(new URL(`../../configs/train-${task}-faces.yaml`, import.meta.url), 'utf8')
  return trainSchema.parse({ ...parse(text), backend: 'wasm' })
}
const train = await recipe('autoencoder')
const now: ResolvedConfig = { train, model, data: { faces: 'a' } }
/** As a checkpoint has it. */
const stored = (config: unknown) => JSON.parse(JSON.stringify(config))

describe('a run goes on', () => {
  it('with its own config', () => {
    expect(changes(stored(now), now)).toEqual([])
    checkResume(stored(now), now)
  })

  it('with more steps, other cadences, other trackers', () => {
    const other = {
      ...train,
      steps: 9999,
      logEvery: 1,
      checkpointEvery: 7,
      demoEvery: 8,
      keepCheckpoints: 5,
      tracking: ['tensorboard'],
    }
    expect(changes(stored(now), { ...now, train: other })).toEqual([])
  })

  it('when what its task does not read of the model has changed', () => {
    const rescaled = { ...model, scaleFactor: 2, sha256: undefined, unet: { ...model.unet!, modelChannels: 32 } }
    expect(changes(stored(now), { ...now, model: rescaled })).toEqual([])
    const diffusion = { ...now, train: { ...train, task: 'diffusion' } as unknown as typeof train }
    expect(changes(stored(diffusion), { ...diffusion, model: rescaled })).toEqual([
      `model.scaleFactor (${model.scaleFactor} before, 2 now)`,
      'model.unet.modelChannels (64 before, 32 now)',
    ])
  })

  it('from a checkpoint that was made before a key existed, the key having its default', () => {
    const old = stored(now)
    for (const key of ['accumulate', 'keepCheckpoints', 'validationBatches', 'tracking']) delete old.train[key]
    delete old.data
    // Checkpoints did not say which backend 'auto' was.
    old.train.backend = 'auto'
    expect(changes(old, now)).toEqual([])
    expect(changes(old, { ...now, train: { ...train, accumulate: 2 } })).toEqual(['train.accumulate (1 before, 2 now)'])
  })

  it('not with anything else, and every key of it is named', () => {
    const other = {
      ...train,
      batchSize: 8,
      optimizer: { ...train.optimizer, beta2: 0.5 },
      backend: 'tensorflow' as const,
    }
    const widths = [32, 64] as [number, number]
    const wider = { ...model, autoencoder: { ...model.autoencoder, widths } as typeof model.autoencoder }
    expect(() => checkResume(stored(now), { train: other, model: wider, data: { faces: 'b' } })).toThrow(
      "the run in this folder was started differently: train.backend ('wasm' before, 'tensorflow' now), " +
        'train.batchSize (16 before, 8 now), train.optimizer.beta2 (0.99 before, 0.5 now), ' +
        "model.autoencoder.widths ([64,128] before, [32,64] now), data.faces ('a' before, 'b' now): " +
        'train into another folder, or give --allow-changes to resume anyway',
    )
  })

  it('not as another task', async () => {
    const [first] = changes(stored(now), { ...now, train: await recipe('diffusion') })
    expect(first).toBe("train.task ('autoencoder' before, 'diffusion' now)")
  })
})
