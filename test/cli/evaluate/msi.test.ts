/** From a folder shaped like CelebA-HQ to a trained MSI in two commands, and to the comparison of its forms in a third. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { run } from '../../../src/cli/program.ts'
import { loadModelConfig } from '../../../src/config/model.ts'
import { loadManifest } from '../../../src/data/manifest.ts'
import { identityFile, mappingFile, splitOf } from '../../../src/data/splits.ts'
import { recognizerNames } from '../../../src/faces/recognizers.ts'
import { readImage, writeImage } from '../../../src/images/codec.ts'
import { clipImage } from '../../../src/models/clip.ts'
import { withPrefix } from '../../../src/models/module.ts'
import { msi } from '../../../src/models/msi.ts'
import { loadAverage, readNote } from '../../../src/train/checkpoint.ts'
import { lastCheckpoint } from '../../../src/train/keep.ts'
import { initialise } from '../../../src/train/state.ts'
import { UserError } from '../../../src/util/errors.ts'
import { saveWeights } from '../../../src/weights/write-safetensors.ts'
import { portrait } from '../../data/portraits.ts'
import { type TinyModel, tinyModel } from '../../pipeline/tiny-model.ts'

let tiny: TinyModel
let folder: string
const log = vi.spyOn(console, 'log').mockImplementation(() => {})
const said = () => log.mock.calls.flat().join('\n')

const photos = 4
beforeAll(async () => {
  tiny = await tinyModel()
  folder = mkdtempSync(join(tmpdir(), 'celebahq-'))
  const manifest = await loadManifest('celebahq')
  const numbers = Array.from({ length: 100 }, (_, i) => i + 1)
  const people = (split: string) => numbers.filter(number => splitOf(manifest, `celeba-${number}`) === split)
  const [train, test] = [people('train'), people('test')]
  // Two people to train on and one to test on, who has two photos.
  const personOf = [train[0], test[0], train[1], test[0]]
  const images = join(folder, 'celebahq', 'CelebA-HQ-img')
  mkdirSync(images, { recursive: true })
  for (let i = 0; i < photos; i++) await writeImage(join(images, `${i}.jpg`), await portrait(i, 1024))
  const original = (i: number) => `${String(100 + i).padStart(6, '0')}.jpg`
  const lines = personOf.map((_, i) => `${i} ${99 + i} ${original(i)}`)
  writeFileSync(join(folder, 'celebahq', mappingFile), ['idx orig_idx orig_file', ...lines].join('\n'))
  writeFileSync(
    join(folder, 'celebahq', identityFile),
    personOf.map((person, i) => `${original(i)} ${person}`).join('\n'),
  )
})
afterAll(() => {
  for (const path of [tiny.folder, folder]) rmSync(path, { recursive: true })
})

test('a folder shaped like CelebA-HQ trains MSI in two commands', async () => {
  const [data, out] = [join(folder, 'data'), join(folder, 'run')]
  const small = [`model=${tiny.path}`, 'steps=3'].flatMap(setting => ['--set', setting])

  const jobs = ['--jobs', String(Math.min(2, availableParallelism()))]
  const from = join(folder, 'celebahq')
  await run(['dataset', 'prepare', 'celebahq', '--from', from, '--size', '64', '--out', data, ...jobs])
  expect(said()).toContain('2 train faces of 2 people, 2 test faces of 1 people')
  expect(said()).toContain('dropped: none')

  const faces = ['--faces', join(data, 'train')]
  await run(['train', 'configs/train-msi-celebahq.yaml', ...faces, '--out', out, ...small, '--backend', 'wasm'])
  const checkpoint = lastCheckpoint(out)
  expect((await readNote(checkpoint))?.step).toBe(3)
  const { parameters } = msi({ ...(await loadModelConfig(tiny.path)).msi, variant: 'released' })
  const trained = await loadAverage(checkpoint, parameters)
  expect(Object.keys(trained)).toContain('attn2.to_v.weight')
  tf.dispose(Object.values(trained))

  log.mockClear()
  await run(['dataset', 'info', data])
  expect(said()).toContain('licence: for non-commercial research')
  expect(said()).toContain('train: 2 faces of 2 people, 64 x 64')
  expect(said()).toContain('photos: 4 of 1024 x 1024')
  expect((await readImage(join(data, 'contact-sheet.jpg'))).width).toBe(2 * 64)
})

test('steps that inversion cannot take are refused before anything is trained', async () => {
  const out = join(folder, 'refused')
  const command = ['evaluate', 'msi', '--faces', 'none', '--train', 'none', '--out', out, '--set', `model=${tiny.path}`]
  for (const steps of ['0', '1.5', '600'])
    await expect(run([...command, '--steps', steps, '--backend', 'wasm'])).rejects.toThrow(
      new UserError(`expected --steps of 2 to 500 for model 'tiny', found ${steps}`),
    )
  expect(existsSync(out)).toBe(false)
})

test('forms of MSI are trained and compared', async () => {
  const store = join(folder, 'data', 'train')
  const out = join(folder, 'variants')
  const small = [`model=${tiny.path}`, 'steps=2', 'batchSize=2'].flatMap(setting => ['--set', setting])
  const command = ['evaluate', 'msi', '--faces', store, '--train', store, '--count', '1', '--steps', '2', '--out', out]
  await run([...command, ...small, '--backend', 'wasm'])
  const { measurements } = JSON.parse(readFileSync(join(out, 'metrics.json'), 'utf8'))
  expect(measurements).toHaveLength(11)
  for (const { psnr, cosines } of measurements) {
    expect(psnr).toBeGreaterThan(0)
    expect(Object.keys(cosines)).toEqual([...recognizerNames])
  }
  const table = readFileSync(join(out, 'table.md'), 'utf8')
  for (const name of [
    'autoencoder alone',
    'none: the empty prompt',
    'one embedding, per image',
    'released MSI, per person',
    'patch MSI, over the train set',
  ])
    expect(table).toContain(`| ${name} |`)
  const sheet = await readImage(join(out, 'sheet.png'))
  expect([sheet.width, sheet.height]).toEqual([12 * 64, 64])
  // Each form has three runs: over the train set, on the one picture, and on its person.
  const runs = readdirSync(out).map(name => name.replace(/-[0-9a-f]{12}$/, ' of one'))
  for (const form of ['single', 'released', 'patch']) {
    expect(runs).toContain(form)
    expect(runs.filter(run => run === `${form} of one`)).toHaveLength(2)
  }
})

test("MSI is trained on CLIP's features where the model's config names them", async () => {
  const sizes = {
    width: 16,
    innerWidth: 32,
    layers: 4,
    heads: 2,
    imageSize: 28,
    patchSize: 14,
    states: [0, 1, 2, 3, 4],
  }
  const weights = join(folder, 'clip.safetensors')
  const drawn = initialise(clipImage(sizes).parameters, 1)
  await saveWeights(weights, withPrefix(drawn, 'vision_model.'))
  tf.dispose(Object.values(drawn))
  const { msi } = await loadModelConfig(tiny.path)
  const model = tiny.variant('clip', {
    features: { network: 'clip-vit-l-14', weights, sizes },
    msi: { ...msi, featureDims: sizes.states.map(() => sizes.width) },
  })
  const out = join(folder, 'clip-run')
  const settings = [`model=${model}`, 'steps=1', 'variant=patch', 'subject.image=CelebA-HQ-img/0.jpg'].flatMap(
    setting => ['--set', setting],
  )
  const faces = ['--faces', join(folder, 'data', 'train')]
  await run(['train', 'configs/train-msi-celebahq.yaml', ...faces, '--out', out, ...settings, '--backend', 'wasm'])
  const note = await readNote(lastCheckpoint(out))
  expect(note?.config).toMatchObject({ model: { msi: { variant: 'patch' } } })
})
