/** reproduce from a store of faces to tables, on a tiny model with untrained weights: methods shared, resumed, absent. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { useBackend } from '../../src/backend/index.ts'
import { run } from '../../src/cli/program.ts'
import { repositoryPath } from '../../src/util/paths.ts'
import { makeStoreOf } from '../data/store.ts'
import { blocks } from '../eval/procedural.ts'
import { type TinyModel, tinyModel } from '../pipeline/tiny-model.ts'

const root = mkdtempSync(join(tmpdir(), 'reproduce-'))
const size = 64
const faces = join(root, 'faces')
const out = join(root, 'out')
const fewSteps = ['steps=2', 'attempts=1', 'recovery.steps=2', 'recovery.refinements=0']
let model: TinyModel

beforeAll(async () => {
  await useBackend('wasm')
  model = await tinyModel()
  const people = ['ada', 'bea']
  const entries = people.map((identity, i) => ({ id: `${identity}/${i}.jpg`, identity }))
  makeStoreOf(faces, size, Buffer.concat(people.map((_, i) => blocks(size, i).data)), entries)
})
afterAll(() => {
  rmSync(root, { recursive: true })
  rmSync(model.folder, { recursive: true })
})
afterEach(() => void vi.restoreAllMocks())

/** Writes the folder of a table. @returns its path */
function table(name: string, config: object): string {
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'table.yaml'), stringify({ title: name, asks: 'What?', ...config }))
  return folder
}

async function reproduce(...args: string[]): Promise<void> {
  vi.spyOn(console, 'log').mockImplementation(() => {})
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  const where = ['--faces', faces, '--out', out, '--cache', join(root, 'features'), '--backend', 'wasm']
  await run(['reproduce', ...args, ...where, '--count', '2'])
  vi.restoreAllMocks()
}

const read = (folder: string) => ({
  json: JSON.parse(readFileSync(join(folder, 'table.json'), 'utf8')),
  markdown: readFileSync(join(folder, 'table.md'), 'utf8'),
})

/** Every picture that was made, and when. */
function pictures(): Record<string, number> {
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' })
  const made = files.filter(file => file.endsWith('.png') && !file.includes('originals'))
  return Object.fromEntries(made.map(file => [file, statSync(join(out, file)).mtimeMs]))
}

test('two tables from nothing: methods are made once, a second run changes nothing, absent weights are said', async () => {
  const few = [...fewSteps, `model=${model.path}`]
  const lpips = { head: 'LPIPS', definition: 'lpips' }
  const columns = [
    { head: 'SSIM', definition: 'ssim', digits: 3 },
    { head: 'accepted', definition: 'tar-at-far', of: 'original and {version}', recognizer: 'dlib' },
    { head: 'guessed', definition: 'guessed-key', recognizer: 'dlib', version: 'recovered-guessed-key' },
  ]
  const one = table('one', {
    methods: [
      { method: 'anonymize', recipe: 'faces-128/anonymize', name: 'ours', set: few },
      { method: 'recover', recipe: 'faces-128/anonymize', versions: ['recovered', 'recovered-wrong-key'], set: few },
      { method: 'mean-face' },
      { method: 'hide', name: 'large', recipe: 'paper/hide' },
    ],
    columns: [...columns.slice(0, 2), lpips],
    published: [{ name: 'theirs', source: 'a journal', cells: { SSIM: 0.5 } }],
  })
  await reproduce(one)
  const { json, markdown } = read(one)

  expect(json).toMatchObject({ title: 'one', backend: 'wasm', originals: expect.stringContaining('seed 1') })
  const names = ['ours', 'recover: recovered', 'recover: recovered-wrong-key', 'mean-face', 'large']
  expect(json.rows.map(({ name }: { name: string }) => name)).toEqual(names)
  const [ours, recovered, wrong, , large] = json.rows
  expect(ours).toMatchObject({ n: 2, made: { recipe: { steps: 2, seed: 1 } } })
  expect(ours.cells.SSIM).toMatchObject({ definition: 'ssim', n: 2, version: 'protected' })
  expect(ours.cells.accepted).toMatchObject({ recognizer: 'dlib', role: 'guide', far: 1e-3, alignment: 'original' })
  expect(recovered.cells.SSIM.version).toBe('recovered')
  expect(wrong.cells.SSIM.version).toBe('recovered-wrong-key')
  expect(large).toMatchObject({ n: null, cells: { SSIM: null, accepted: null, LPIPS: null } })
  expect(large.why).toMatch(/faces of 512 x 512 are needed/)

  const lines = markdown.split('\n')
  expect(lines.find(line => line.startsWith('| ours'))).toMatch(/^\| ours \| 2 \| -?\d\.\d{3} .* % .*† \| {2}\|$/)
  expect(lines).toContain('| large |  |  |  |  |')
  expect(lines).toContain('| theirs, as published |  | 0.5 |  |  |')
  expect(markdown).toContain('Not measured: large: ')
  expect(markdown).toContain('Not measured at all: LPIPS: ')
  expect(markdown).toContain('As published: theirs: a journal.')

  // Only what has a row was made: of recovery neither other controls nor the autoencoder's.
  const before = pictures()
  const folders = new Set(Object.keys(before).map(file => file.split('/').at(-3)))
  expect(folders).toEqual(new Set(['protected', 'recovered', 'recovered-wrong-key']))

  await reproduce(one)
  expect(pictures()).toEqual(before)
  expect(read(one)).toEqual({ json, markdown })

  // Another table shows more of one method, and has another name for it.
  const two = table('two', {
    methods: [
      { method: 'mean-face' },
      { method: 'recover', recipe: 'faces-128/anonymize', name: 'back', versions: ['recovered'], set: few },
      { method: 'anonymize', recipe: 'faces-128/anonymize', name: 'attacked', set: few },
    ],
    columns,
  })
  await reproduce(two)
  const after = pictures()
  const recoveredFiles = Object.keys(before).filter(file => !file.includes('anonymize'))
  for (const file of recoveredFiles) expect(after[file], file).toBe(before[file])
  expect(Object.keys(after).filter(file => !(file in before))).toEqual([
    expect.stringContaining('recovered-guessed-key'),
    expect.stringContaining('recovered-guessed-key'),
  ])
  const [, back, attacked] = read(two).json.rows
  expect(back.cells.SSIM).toEqual(recovered.cells.SSIM)
  expect(attacked.cells.SSIM).toEqual(ours.cells.SSIM)
  expect(attacked.cells.guessed).toMatchObject({ version: 'recovered-guessed-key', n: 2 })
})

test('a form of MSI that is not there yet is trained where faces to train on are named', async () => {
  const whole = join(model.folder, 'tiny.safetensors')
  const writes = join(root, 'msi', 'released.safetensors')
  const released = model.variant('released', {
    weights: { autoencoder: whole, unet: whole, text: whole, msi: writes },
    msi: { variant: 'released', dim: 32, featureDims: [32, 64, 128, 256, 256], heads: 2, headDim: 16 },
  })
  const config = join(root, 'train.yaml')
  const usual = repositoryPath('configs/train-msi-faces.yaml')
  const short = { steps: 2, batchSize: 2, learningRate: { peak: 1e-3, final: 1e-3, warmup: 0 } }
  writeFileSync(config, stringify({ extends: usual, model: model.path, ...short }))
  const folder = table('trained', {
    methods: [
      {
        method: 'recover',
        recipe: 'faces-128/anonymize',
        versions: ['recovered'],
        set: [...fewSteps, `model=${released}`],
      },
    ],
    columns: [{ head: 'SSIM', definition: 'ssim' }],
    trains: [{ variant: 'released', config, writes }],
  })
  await reproduce(folder)
  expect(readdirSync(folder)).toEqual(['table.yaml'])
  await reproduce(folder, '--train', faces)
  expect(read(folder).json.rows[0].cells.SSIM.n).toBe(2)
  const made = statSync(writes).mtimeMs
  await reproduce(folder, '--train', faces)
  expect(statSync(writes).mtimeMs).toBe(made)
  // The model changes, and with it what its MSI was trained for.
  writeFileSync(config, stringify({ extends: usual, model: model.variant('other', { scaleFactor: 2 }), ...short }))
  await expect(reproduce(folder)).rejects.toThrow('found it trained for another state of it')
})

test('nothing is written where nothing can be run', async () => {
  const folder = table('nothing', {
    methods: [{ method: 'anonymize', recipe: 'paper/anonymize' }],
    columns: [{ head: 'PSNR', definition: 'psnr' }],
  })
  await reproduce(folder)
  expect(readdirSync(folder)).toEqual(['table.yaml'])
})

test('what does not fit into memory is refused before anything is made', async () => {
  const methods = [
    { method: 'anonymize', recipe: 'faces-128/anonymize', set: [...fewSteps, `model=${model.path}`, 'seed=77'] },
  ]
  const folder = table('large', { methods, columns: [{ head: 'SSIM', definition: 'ssim' }] })
  vi.spyOn(process, 'constrainedMemory').mockReturnValue(1e6)
  const before = pictures()
  await expect(reproduce(folder)).rejects.toThrow(/expected to anonymize one face with tiny in this machine's 0\.0 GB/)
  expect(pictures()).toEqual(before)
})

test('what is asked for wrongly is refused in one line', async () => {
  await expect(reproduce('atacks')).rejects.toThrow("found 'atacks' (nearest: 'attacks'")
  await expect(reproduce(table('empty', { methods: [], columns: [] }))).rejects.toThrow("'methods'")
  await expect(reproduce('recovery', '--jobs', '0')).rejects.toThrow('--jobs')
  await expect(reproduce('recovery', '--seed', 'x')).rejects.toThrow('expected a number after --seed')
})
