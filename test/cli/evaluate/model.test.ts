/** evaluate-model on a tiny untrained model: what it draws, measures, keeps and refuses. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'
import { run } from '../../../src/cli/program.ts'
import { FaceStore } from '../../../src/data/face-store.ts'
import { withFeatures } from '../../../src/eval/features/cache.ts'
import { changeOf } from '../../../src/eval/intervals.ts'
import { mae, psnr } from '../../../src/eval/metrics/pixel-error.ts'
import { drawFaces, drawMissing } from '../../../src/eval/model-quality/draw.ts'
import { measureModel } from '../../../src/eval/model-quality/measure.ts'
import { readImage } from '../../../src/images/codec.ts'
import { loadModel } from '../../../src/pipeline/model.ts'
import { makeStoreOf } from '../../data/store.ts'
import { blocks, colours, writeFolder } from '../../eval/procedural.ts'
import { usableBackends } from '../../models/backends.ts'
import { type TinyModel, tinyModel } from '../../pipeline/tiny-model.ts'

const root = mkdtempSync(join(tmpdir(), 'evaluate-model-'))
const size = 64
const backend = usableBackends.includes('tensorflow') ? 'tensorflow' : 'wasm'
const folders = ['held', 'others', 'out', 'features'].map(name => join(root, name))
const [held, others, out, features] = folders as [string, string, string, string]
let tiny: TinyModel

beforeAll(async () => {
  await useBackend(backend)
  tiny = await tinyModel()
  storeOf(held, ['ada', 'ada', 'bea', 'bea', 'cay', 'dee'])
  storeOf(others, ['eve', 'fay', 'gus', 'hal'])
})
afterAll(() => {
  for (const path of [root, tiny.folder]) rmSync(path, { recursive: true })
})

function storeOf(folder: string, people: readonly string[]): void {
  const faces = Buffer.concat(people.map((name, i) => blocks(size, name, i).data))
  const entries = people.map((identity, i) => ({ id: `${identity}/${i}.jpg`, identity }))
  makeStoreOf(folder, size, faces, entries)
}

async function evaluate(...more: string[]): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  try {
    const where = ['--faces', held, '--out', out, '--cache', features, '--backend', backend]
    await run(['evaluate', 'model', '--model', tiny.path, ...where, ...more])
    return log.mock.calls.flat().join('\n')
  } finally {
    vi.restoreAllMocks()
  }
}

test('a seed draws one face, whatever is drawn with it; no tensor is left', async () => {
  const model = await loadModel(tiny.path)
  const before = tf.memory().numTensors
  const [first, second] = await drawFaces(model, [3, 4], { steps: 3, eta: 1, attentionGuidance: 0 })
  expect(tf.memory().numTensors).toBe(before)
  const [alone] = await drawFaces(model, [4], { steps: 3, eta: 1, attentionGuidance: 0 })
  const [noNoise] = await drawFaces(model, [4], { steps: 3, eta: 0, attentionGuidance: 0 })
  const [guided] = await drawFaces(model, [4], { steps: 3, eta: 1, attentionGuidance: 2 })
  expect(mae(guided!, second!)).toBeGreaterThan(0.1)
  expect(mae(alone!, second!)).toBeLessThan(0.1)
  expect(mae(first!, second!)).toBeGreaterThan(1)
  expect(mae(noNoise!, second!)).toBeGreaterThan(1)
})

test('the command draws what is not there, and writes tables, a report and a sheet', async () => {
  const small = ['--samples', '3', '--steps', '2', '--pairs', '1', '--train', others]
  expect(await evaluate(...small)).toContain('drawn from noise')
  const [folder] = readdirSync(join(out, 'drawn'))
  const drawn = (name: string) => join(out, 'drawn', folder!, name)
  expect(readdirSync(drawn('')).sort()).toEqual(['00000.png', '00001.png', '00002.png'])
  expect(await readImage(join(out, 'drawn.jpg'))).toMatchObject({ width: 3 * size, height: size })
  const { values, methods, definitions } = JSON.parse(readFileSync(join(out, 'metrics.json'), 'utf8'))
  expect(methods[0]).toMatchObject({ method: 'tiny', pictures: 3, people: 3, guides: ['dlib'] })
  const accepted = values.filter(({ definition }: { definition: string }) => definition === 'accept-change')
  expect(accepted.map(({ recognizer, n }: { recognizer: string; n: number }) => [recognizer, n])).toEqual([
    ['dlib', 1],
    ['faceres', 1],
    ['mobilefacenet', 1],
  ])
  for (const { definition } of values) expect(definitions).toHaveProperty(definition)
  const report = readFileSync(join(out, 'report.html'), 'utf8')
  expect(report).toContain('id="d-accept-change"')
  expect(report).toContain('guide (white box) of tiny;')
  expect(report).not.toMatch(/of the others|Distributions and curves|<h2>Faces/)

  const made = statSync(drawn('00001.png')).mtimeMs
  rmSync(drawn('00002.png'))
  const told: number[] = []
  await drawMissing({
    model: tiny.path,
    steps: 2,
    eta: 1,
    attentionGuidance: 0,
    count: 3,
    folder: drawn(''),
    jobs: 1,
    backend,
    onProgress: (...done) => told.push(...done),
  })
  expect(told.slice(0, 2)).toEqual([1, 1])
  expect(statSync(drawn('00001.png')).mtimeMs).toBe(made)
  expect(statSync(drawn('00002.png')).mtimeMs).toBeGreaterThan(made)
})

test('sets are compared with the photos of held-out people', async () => {
  const model = await loadModel(tiny.path)
  const [store, photos] = [await FaceStore.open(held), await FaceStore.open(others)]
  const faces = { store, indices: [0, 2, 4, 5] }
  const bytes = await Promise.all(faces.indices.map(index => store.bytes([index])))
  const images = bytes.map(data => ({ width: size, height: size, data }))
  // What is drawn is the photos themselves: no distance, and every photo is within the other set's manifold.
  const names = ['a', 'b', 'c', 'd']
  const folder = await writeFolder(join(root, 'same'), Object.fromEntries(names.map((name, i) => [name, images[i]!])))
  let computed = 0
  const network: typeof colours = {
    ...colours,
    feature: {
      ...colours.feature,
      load: async () => {
        const { compute, ...loaded } = await colours.feature.load()
        return { ...loaded, compute: pictures => compute(pictures).finally(() => (computed += pictures.length)) }
      },
    },
  }
  const measure = () =>
    withFeatures(join(root, 'features of sets'), cache =>
      measureModel({
        // An autoencoder that keeps all of a face but makes it darker.
        model: {
          ...model,
          encode: x => tf.mul(tf.add(x, 1), 0.5) as tf.Tensor4D,
          decode: x => tf.sub(x, 0.75) as tf.Tensor4D,
        },
        held: faces,
        others: { store: photos, indices: [0, 1, 2, 3] },
        drawn: names.map(name => join(folder, `${name}.png`)),
        pairs: 10,
        seed: 0,
        recognizers: ['mobilefacenet'],
        guides: [],
        thresholds: { mobilefacenet: { threshold: -1, far: 1e-3 } },
        network,
        cache,
      }),
    )
  const { values, notes, made } = await measure()
  expect(made).toEqual({ weights: { [model.name]: model.sha256 } })
  // Photos, reconstructions and other people's photos, each once: what was drawn here are the photos themselves.
  expect(computed).toBe(3 * names.length)
  expect((await measure()).values).toEqual(values)
  expect(computed).toBe(3 * names.length)
  await Promise.all([store.close(), photos.close()])
  expect(notes).toEqual([])
  const value = (definition: string, version: string, of?: string) =>
    values.find(row => row.definition === definition && row.version === version && (of === undefined || row.of === of))!
  const darker = ({ data, ...rest }: (typeof images)[0]) => ({
    ...rest,
    data: data.map(byte => Math.round(Math.max(0, 0.5 * byte - 127.5 * 0.75 + 127.5))),
  })
  const mean = images.reduce((sum, image) => sum + psnr(image, darker(image)) / images.length, 0)
  expect(value('psnr', 'reconstructed').value).toBeCloseTo(mean, 1)
  expect(value('fid', 'drawn from noise')).toMatchObject({ n: 4, network: 'mean colours' })
  expect(value('fid', 'drawn from noise').value).toBeCloseTo(0, 6)
  expect(value('precision', 'drawn from noise').value).toBe(1)
  expect(value('fid', 'reconstructed').value).toBeGreaterThan(0.01)
  expect(value('fid', 'photos of other people').value).toBeGreaterThan(0)
  // Everything is accepted above a cosine of -1, so that nothing changes: two people have one pair each.
  expect(value('tar-at-far', 'reconstructed', 'two originals of one person')).toMatchObject({ value: 1, n: 2 })
  expect(value('accept-change', 'reconstructed')).toMatchObject({ value: 0, n: 2, role: 'judge' })
})

test('a change is counted pair by pair', () => {
  const people = Array.from({ length: 8 }, (_, i) => [`${i}`])
  const before = people.map((_, i) => i < 6)
  const lost = changeOf(
    before,
    before.map((flag, i) => flag && i !== 0 && i !== 1),
    people,
  )
  expect(lost).toMatchObject({ value: -0.25, n: 8 })
  expect(lost.interval[0]).toBeLessThan(-0.25)
  expect(lost.interval[1]).toBeLessThanOrEqual(0)
  // As many gained as lost are no change, of which the interval still speaks.
  const moved = changeOf(before, [...before].reverse(), people)
  expect(moved.value).toBe(0)
  expect(moved.interval[1]).toBeGreaterThan(0)
  const { value, interval } = changeOf(before, before, people)
  expect(value).toBe(0)
  expect(interval[1]).toBeCloseTo(0.3244, 3)
  expect(interval[0]).toBe(-interval[1])
})

test('what does not fit is refused before anything is drawn', async () => {
  await expect(evaluate('--samples', '0')).rejects.toThrow('expected --samples of 1 or more, found 0')
  await expect(evaluate('--steps', '501')).rejects.toThrow("expected --steps of 1 to 500 for model 'tiny', found 501")
  await expect(evaluate('--attention-guidance', '-1')).rejects.toThrow('expected --attention-guidance of 0 or more')
  await expect(evaluate('--eta', '1.5')).rejects.toThrow('expected --eta of 0 to 1, found 1.5')
  await expect(evaluate('--samples', '5')).rejects.toThrow('expected 5 different people, found 4')
  await expect(evaluate('--jobs', '0')).rejects.toThrow('expected --jobs of 1 to')
  await expect(evaluate('--resize', 'nearest')).rejects.toThrow(
    'expected a --resize out of pytorch-fid, torch-fidelity',
  )
  const large = tiny.variant('large', { imageSize: 128 })
  await expect(run(['evaluate', 'model', '--model', large, '--faces', held, '--samples', '2'])).rejects.toThrow(
    "expected faces of 128 x 128 for model 'tiny', found 64 x 64",
  )
})
