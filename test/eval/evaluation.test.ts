/** evaluate from a store of faces to its reports, on a tiny model with untrained weights. */
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { run } from '../../src/cli/program.ts'
import { recipeSchema } from '../../src/config/recipe.ts'
import { FaceStore } from '../../src/data/face-store.ts'
import { readImage } from '../../src/data/image.ts'
import { manifestSchema } from '../../src/data/manifest.ts'
import { prepareDataset } from '../../src/data/prepare.ts'
import { detectionScore } from '../../src/faces/detect-aligned.ts'
import { type FaceMeasurement, measureFace } from '../../src/eval/face-measurement.ts'
import { loadRecognizer, recognizerNames } from '../../src/faces/recognizers.ts'
import { loadModel } from '../../src/protect/model.ts'
import { portrait } from '../protect/photos.ts'
import { type TinyModel, tinyModel } from '../protect/tiny-model.ts'

const root = mkdtempSync(join(tmpdir(), 'evaluation-'))
const faces = join(root, 'data', 'train')
const out = join(root, 'out')
let model: TinyModel

beforeAll(async () => {
  await useBackend('wasm')
  model = await tinyModel()
  // Three people, of one of whom there is a second photo.
  for (const [person, which] of [
    ['ada', 0],
    ['bea', 1],
    ['cleo', 2],
  ] as const) {
    mkdirSync(join(root, 'photos', person), { recursive: true })
    await portrait(which)
      .png()
      .toFile(join(root, 'photos', person, '1.png'))
  }
  await portrait(0)
    .modulate({ brightness: 1.2 })
    .png()
    .toFile(join(root, 'photos', 'ada', '2.png'))
  const manifest = manifestSchema.parse({
    name: 'sample',
    title: 'sample',
    home: '',
    licence: '',
    layout: 'folder-per-identity',
  })
  await prepareDataset(manifest, {
    from: join(root, 'photos'),
    out: join(root, 'data'),
    size: 64,
    onProgress: () => {},
  })
})
afterAll(() => {
  rmSync(root, { recursive: true })
  rmSync(model.folder, { recursive: true })
})
afterEach(() => void vi.restoreAllMocks())

async function evaluate(...more: string[]) {
  vi.spyOn(console, 'log').mockImplementation(() => {})
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  const few = ['steps=2', 'recovery.steps=2', 'recovery.refinements=0', `model=${model.path}`]
  const set = few.flatMap(setting => ['--set', setting])
  await run(['evaluate', '--faces', faces, '--out', out, '--backend', 'wasm', ...set, ...more])
  vi.restoreAllMocks()
  const lines = readFileSync(join(out, 'faces.jsonl'), 'utf8').trimEnd().split('\n')
  return {
    lines,
    metrics: JSON.parse(readFileSync(join(out, 'metrics.json'), 'utf8')),
    table: readFileSync(join(out, 'table.md'), 'utf8'),
  }
}

test('evaluate measures faces, goes on where it stopped, and reports white box and black box apart', async () => {
  const first = await evaluate('--count', '1', '--samples', '2')
  expect(first.lines).toHaveLength(1)
  const [line] = first.lines

  // A crash in the middle of a line costs that face only.
  appendFileSync(join(out, 'faces.jsonl'), '{"key":"0123')
  const { lines, metrics, table } = await evaluate('--count', '2', '--samples', '2')
  expect(lines).toHaveLength(3)
  expect(lines[0]).toBe(line)

  const measured = JSON.parse(lines[2]!) as FaceMeasurement
  for (const recognizer of ['dlib', 'faceres', 'mobilefacenet']) {
    for (const variant of ['reconstruction', 'hidden', 'recovered', 'wrongKey'] as const)
      expect(measured.cosines[variant]![recognizer]).toEqual([expect.any(Number)])
    expect(measured.cosines.anonymized![recognizer]).toHaveLength(2)
    expect(measured.cosines.betweenSamples![recognizer]).toHaveLength(1)
    for (const values of Object.values(measured.cosines))
      for (const value of values[recognizer]!) expect(Math.abs(value)).toBeLessThanOrEqual(1 + 1e-5)
  }
  expect(measured.detection.anonymized).toHaveLength(2)
  expect(measured.psnr.recovered![0]).toBeGreaterThan(0)

  expect(metrics.faces).toBe(2)
  expect(metrics.backend).toBe('wasm')
  expect(metrics.model.sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(metrics.recipes.anonymize.samples).toBe(2)
  expect(metrics.recipes.hide.samples).toBe(1)
  expect(metrics.whiteBox.map((r: { recognizer: string }) => r.recognizer)).toEqual(['dlib'])
  expect(metrics.blackBox.map((r: { recognizer: string }) => r.recognizer)).toEqual(['faceres', 'mobilefacenet'])
  expect(metrics.whiteBox[0].comparisons.anonymized.accepted.total).toBe(4)
  expect(metrics.whiteBox[0].comparisons.recovered.accepted.total).toBe(2)

  const [white, black] = table.split('## ').filter(part => part.startsWith('Verification'))
  expect(white).toContain('dlib')
  expect(white).not.toMatch(/faceres|mobilefacenet/)
  expect(black).toMatch(/faceres.*mobilefacenet/)
  expect(black).not.toContain('dlib')

  // Six pictures side by side, one row a face.
  expect(await readImage(join(out, 'sheet.png'))).toMatchObject({ width: 6 * 64, height: 2 * 64 })
  expect(readdirSync(join(out, 'faces'))).toHaveLength(2)
})

test('one task alone, under other settings, is measured anew and leaves the other out', async () => {
  const before = existsSync(join(out, 'faces.jsonl'))
    ? readFileSync(join(out, 'faces.jsonl'), 'utf8').split('\n').length
    : 1
  const { lines, metrics, table } = await evaluate('--count', '1', '--recipe', 'hide', '--set', 'seed=1')
  expect(lines).toHaveLength(before)
  expect(metrics.blackBox[0].comparisons).not.toHaveProperty('anonymized')
  expect(table).not.toContain('original and anonymized')
})

test('evaluate says what does not fit', async () => {
  await expect(evaluate('--count', '4')).rejects.toThrow('expected 4 different people, found 3')
  await expect(evaluate('--count', '0')).rejects.toThrow('expected a --count of 1 or more')
  const large = model.variant('large', { imageSize: 128 })
  await expect(evaluate('--count', '1', '--set', `model=${large}`)).rejects.toThrow(
    'expected faces of 128 x 128 for model tiny, found 64 x 64',
  )
})

test('measuring a face leaves no tensors behind', async () => {
  const loaded = await loadModel(model.path)
  const recognizers = await Promise.all(recognizerNames.map(name => loadRecognizer(name)))
  const recipe = recipeSchema.parse({
    task: 'anonymize',
    steps: 2,
    strength: 0.5,
    threshold: 400,
    guidance: { above: 1, below: 1 },
    energies: { dissimilarity: 1 },
    keep: { below: 300 },
    recovery: { steps: 2, refinements: 0 },
  })
  const store = await FaceStore.open(faces)
  const data = await store.bytes([0])
  await store.close()
  const subject = { model: loaded, guide: await loadRecognizer('dlib'), recognizers, recipes: { anonymize: recipe } }
  const before = tf.memory().numTensors
  await measureFace(subject, { width: 64, height: 64, data }, store.entries[0]!)
  expect(tf.memory().numTensors).toBe(before)
})

test('the detector finds a clean aligned face and none in grey', async () => {
  const store = await FaceStore.open(faces)
  const data = await store.bytes([0])
  await store.close()
  expect(await detectionScore({ width: 64, height: 64, data })).toBeGreaterThan(0.9)
  expect(await detectionScore({ width: 64, height: 64, data: data.map(() => 128) })).toBe(0)
})
