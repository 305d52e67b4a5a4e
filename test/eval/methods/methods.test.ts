/** evaluate from a store of faces to folders, on a tiny model with untrained weights; baselines by what they do. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { useBackend } from '../../../src/backend/index.ts'
import { run } from '../../../src/cli/program.ts'
import { loadSuite, type MethodConfig } from '../../../src/config/suite.ts'
import { FaceStore } from '../../../src/data/face-store.ts'
import { readManifest } from '../../../src/eval/manifest.ts'
import { methodOf } from '../../../src/eval/methods/index.ts'
import { facesOf, makePictures } from '../../../src/eval/methods/make.ts'
import { controlKey, swappedKey } from '../../../src/eval/methods/wrong-keys.ts'
import { mae } from '../../../src/eval/metrics/pixel-error.ts'
import { measureSuite } from '../../../src/eval/suite.ts'
import { readImage } from '../../../src/images/codec.ts'
import type { FaceKey } from '../../../src/keys/key.ts'
import { makeStoreOf } from '../../data/store.ts'
import { type TinyModel, tinyModel } from '../../pipeline/tiny-model.ts'
import { blocks, colours } from '../procedural.ts'

const root = mkdtempSync(join(tmpdir(), 'methods-'))
const size = 64
const people = ['ada', 'ada', 'bea', 'bea']
const faces = join(root, 'faces')
const out = join(root, 'out')
let model: TinyModel

beforeAll(async () => {
  await useBackend('wasm')
  model = await tinyModel()
  await storeOf(faces, size)
})
afterAll(() => {
  rmSync(root, { recursive: true })
  rmSync(model.folder, { recursive: true })
})
afterEach(() => void vi.restoreAllMocks())

async function storeOf(folder: string, size: number): Promise<void> {
  const entries = people.map((identity, i) => ({ id: `${identity}/${i}.jpg`, identity }))
  makeStoreOf(folder, size, Buffer.concat(people.map((_, i) => blocks(size, i).data)), entries)
}

const few = ['steps=2', 'attempts=1', 'recovery.steps=2', 'recovery.refinements=0']

function suite(name: string, methods: object[]): string {
  const path = join(root, `${name}.yaml`)
  writeFileSync(path, stringify({ methods }))
  return path
}

async function make(path: string, ...more: string[]) {
  vi.spyOn(console, 'log').mockImplementation(() => {})
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  const set = [...few, `model=${model.path}`].flatMap(setting => ['--set', setting])
  await run([
    'evaluate',
    'methods',
    path,
    '--faces',
    faces,
    '--out',
    out,
    '--backend',
    'wasm',
    '--make-only',
    ...set,
    ...more,
  ])
  vi.restoreAllMocks()
}

test('each method becomes a folder with a manifest; a second run makes nothing again', async () => {
  const path = suite('all', [
    { method: 'anonymize', recipe: 'faces-128/anonymize', set: ['samples=2'] },
    { method: 'hide', recipe: 'faces-128/hide', name: 'hidden' },
    { method: 'recover', recipe: 'faces-128/anonymize' },
    { method: 'pixelate', block: 8 },
  ])
  await make(path, '--count', '2')
  const manifest = await readManifest(join(out, 'anonymize', 'manifest.json'))
  expect(manifest).toMatchObject({
    method: 'anonymize',
    task: 'anonymize',
    samples: 2,
    guides: ['dlib'],
    aligned: true,
  })
  expect(new Set(manifest.pictures.map(({ identity }) => identity)).size).toBe(2)
  expect(manifest.pictures).toHaveLength(2)
  const [{ name, seconds }] = manifest.pictures as [(typeof manifest.pictures)[0]]
  expect(seconds!.protect).toBeGreaterThan(0)
  for (const folder of ['protected', 'protected-2', 'recovered-guessed-key'])
    expect(await readImage(join(out, 'anonymize', folder, `${name}.png`))).toMatchObject({ width: size, height: size })
  expect(await readImage(join(out, 'originals', `${name}.png`))).toMatchObject({ width: size })
  expect(existsSync(join(out, 'hidden', 'protected', `${name}.png`))).toBe(true)

  const recovered = await readManifest(join(out, 'recover', 'manifest.json'))
  expect(recovered.recoveryReads).toBe('key')
  expect(recovered.pictures[0]!.keyBytes).toBeGreaterThan(10 * 32 * 4)
  const versions = [
    'recovered',
    'autoencoder',
    'recovered-wrong-key',
    'recovered-half-wrong-key',
    'recovered-key-e-only',
    'recovered-key-i-only',
    'recovered-swapped-key',
  ]
  const pictures = await Promise.all(versions.map(version => readImage(join(out, 'recover', version, `${name}.png`))))
  const right = pictures[0]!
  for (const [i, picture] of pictures.entries())
    if (i > 1) expect(mae(right, picture), versions[i]).toBeGreaterThan(0.1)

  const log = join(out, 'anonymize', 'pictures.jsonl')
  const before = readFileSync(log, 'utf8')
  await make(path, '--count', '2')
  expect(readFileSync(log, 'utf8')).toBe(before)

  // A line that a crash cut short, and a picture that is gone, cost that face alone.
  appendFileSync(log, '\n{"key":"0123')
  rmSync(join(out, 'anonymize', 'protected-2', `${name}.png`))
  await make(path, '--count', '2')
  const lines = readFileSync(log, 'utf8')
    .split('\n')
    .filter(line => line.endsWith('}'))
  expect(lines).toHaveLength(3)

  // Other settings are other pictures.
  const made = statSync(join(out, 'hidden', 'protected', `${name}.png`)).mtimeMs
  await make(path, '--count', '2', '--seed', '1', '--set', 'strength=0.4')
  expect(statSync(join(out, 'hidden', 'protected', `${name}.png`)).mtimeMs).toBeGreaterThan(made)
})

test('the mean face of other faces is made again', async () => {
  const path = suite('mean', [{ method: 'mean-face' }])
  const meanOf = async (count: number) => {
    await make(path, '--count', String(count))
    const { pictures } = await readManifest(join(out, 'mean-face', 'manifest.json'))
    return pictures
  }
  const { name } = (await meanOf(1))[0]!
  const picture = join(out, 'mean-face', 'protected', `${name}.png`)
  const alone = await readImage(picture)
  expect((await meanOf(2)).map(({ name }) => name)).toContain(name)
  expect(mae(alone, await readImage(picture))).toBeGreaterThan(0.1)
})

test('keys are swapped between two people, not between two photos of one', async () => {
  const path = suite('alone', [
    { method: 'recover', recipe: 'faces-128/anonymize', versions: ['recovered-swapped-key'] },
  ])
  await expect(make(path, '--count', '1', '--photos', '2')).rejects.toThrow('expected faces of two people or more')
})

test('what was made is measured method by method, the pictures of the manifest alone', async () => {
  const path = suite('measured', [{ method: 'pixelate', block: 8 }, { method: 'mean-face' }])
  await make(path, '--count', '2')
  const measured = await measureSuite(await loadSuite(path), out, {
    calibration: {},
    cache: join(root, 'cache'),
    attacks: false,
    network: colours,
  })
  expect(measured.map(({ method, pictures, people }) => [method, pictures, people])).toEqual([
    ['pixelate-8', 2, 2],
    ['mean-face', 2, 2],
  ])
  const psnr = measured.map(({ values }) => values.find(({ definition }) => definition === 'psnr'))
  // Blocks of their own size are left as they are, and equal pictures have no finite ratio.
  expect(psnr[0]).toBeUndefined()
  expect(psnr[1]!.value).toBeLessThan(30)
  const seconds = measured[1]!.values.find(({ definition }) => definition === 'seconds')
  expect(seconds).toMatchObject({ of: 'protect', n: 2 })
})

test('several processes leave the pictures of a method alone that is called as a job of another', async () => {
  const path = suite('alike', [
    { method: 'hide', recipe: 'faces-128/hide', name: 'pixelate-8-1' },
    { method: 'pixelate', block: 8 },
  ])
  await make(path, '--count', '2', '--jobs', '2')
  const { pictures } = await readManifest(join(out, 'pixelate-8-1', 'manifest.json'))
  expect(pictures).toHaveLength(2)
  for (const { name } of pictures)
    expect(existsSync(join(out, 'pixelate-8-1', 'protected', `${name}.png`)), name).toBe(true)
  expect(existsSync(join(out, '.jobs'))).toBe(false)
})

test('pictures of another backend are not taken for those of this one, unless they are made anew anyway', async () => {
  const made = () => make(suite('backends', [{ method: 'blur', deviation: 3 }]), '--count', '1')
  await made()
  const folder = join(out, 'blur-3')
  expect((await readManifest(join(folder, 'manifest.json'))).made).toMatchObject({ backend: 'wasm' })
  // As an interrupted run leaves it: there is no manifest yet.
  rmSync(join(folder, 'manifest.json'))
  const log = join(folder, 'pictures.jsonl')
  const line = JSON.parse(readFileSync(log, 'utf8'))
  const by = (change: object) => writeFileSync(log, JSON.stringify({ ...line, ...change }))
  by({ backend: 'tensorflow' })
  await expect(made()).rejects.toThrow(`expected pictures made by wasm in ${folder}, found those of tensorflow`)
  by({ backend: 'tensorflow', key: 'of other settings' })
  await made()
  expect(existsSync(join(folder, 'manifest.json'))).toBe(true)
})

test('evaluate says what does not fit', async () => {
  const path = suite('one', [{ method: 'blur', deviation: 2 }])
  await expect(make(path, '--count', '9')).rejects.toThrow('expected 9 different people, found 2')
  await expect(make(path, '--count', '0')).rejects.toThrow('expected --count of 1 or more')
  await expect(make(suite('twice', [{ method: 'eye-bar' }, { method: 'eye-bar' }]), '--count', '1')).rejects.toThrow(
    'one method called eye-bar',
  )
  await expect(make(suite('typo', [{ method: 'blurr', deviation: 2 }]))).rejects.toThrow(/method/)
  const large = model.variant('large', { imageSize: 128 })
  await expect(
    make(suite('large', [{ method: 'hide', recipe: 'faces-128/hide' }]), '--count', '1', '--set', `model=${large}`),
  ).rejects.toThrow("expected faces of 128 x 128 for model 'tiny', found 64 x 64")
})

test('making pictures leaves no tensors behind', async () => {
  const path = suite('tensors', [
    { method: 'anonymize', recipe: 'faces-128/anonymize' },
    { method: 'recover', recipe: 'faces-128/anonymize' },
  ])
  const configs = await loadSuite(path, [...few, `model=${model.path}`])
  const store = await FaceStore.open(faces)
  const source = facesOf(store, [0, 2])
  for (const config of configs) {
    const make = await makePictures(methodOf(config), source, join(root, 'tensors', config.method), 'wasm')
    await make(0)
    const before = tf.memory().numTensors
    await make(1)
    expect(tf.memory().numTensors, config.method).toBe(before)
  }
  await store.close()
})

describe('baselines', () => {
  /** What a baseline makes of the first face. */
  async function made(config: MethodConfig) {
    const store = await FaceStore.open(faces)
    const source = facesOf(store, [0, 1, 2, 3])
    const make = await methodOf(config).start(source, '')
    const { image } = await source.read(0)
    const { protected: picture } = (await make(0)).pictures
    await store.close()
    return { image, picture: picture! }
  }
  const change = async (config: MethodConfig) => {
    const { image, picture } = await made(config)
    return mae(image, picture)
  }

  test('stronger ones change more', async () => {
    expect(await change({ method: 'blur', deviation: 2 })).toBeLessThan(await change({ method: 'blur', deviation: 8 }))
    expect(await change({ method: 'noise', deviation: 25 })).toBeLessThan(
      await change({ method: 'noise', deviation: 100 }),
    )
    expect(await change({ method: 'pixelate', block: 16 })).toBeLessThan(
      await change({ method: 'pixelate', block: 64 }),
    )
  })

  test('pixelate leaves blocks of its own size alone, and means of larger ones', async () => {
    expect(await change({ method: 'pixelate', block: 8 })).toBe(0)
    const { image, picture } = await made({ method: 'pixelate', block: 64 })
    const mean = image.data.filter((_, i) => i % 3 === 0).reduce((a, b) => a + b, 0) / (size * size)
    expect(picture.data[0]).toBe(Math.round(mean))
  })

  test('the eye bar covers the eyes and nothing else', async () => {
    const { image, picture } = await made({ method: 'eye-bar' })
    const at = (x: number, y: number) => 3 * (y * size + x)
    for (const [x, y] of [
      [24, 31],
      [40, 31],
    ] as const)
      expect([...picture.data.subarray(at(x, y), at(x, y) + 3)]).toEqual([0, 0, 0])
    expect(picture.data.subarray(at(0, 45))).toEqual(image.data.subarray(at(0, 45)))
  })

  test('the mean face is the same for everybody', async () => {
    const { picture } = await made({ method: 'mean-face' })
    const mean = people.reduce((sum, _, i) => sum + blocks(size, i).data[100]!, 0) / people.length
    expect(picture.data[100]).toBe(Math.round(mean))
  })
})

test('controls change what their names say of a key and keep the rest', () => {
  const numbers = (count: number, offset: number) =>
    Float32Array.from({ length: count }, (_, i) => Math.sin(i + offset))
  const key = (offset: number): FaceKey => ({
    picture: '0'.repeat(64),
    face: 0,
    transform: { a: 1, b: 0, tx: 0, ty: 0 },
    model: { name: 'm', sha256: '' },
    recipe: { steps: 2 },
    shapes: { embeddings: [10, 4], latent: [4, 4, 2] },
    embeddings: numbers(40, offset),
    latent: numbers(32, offset + 100),
  })
  const [right, other] = [key(0), key(1)]
  const same = (a: Float32Array, b: Float32Array) => a.filter((value, i) => value === b[i]).length
  const kept = (control: Parameters<typeof controlKey>[0]) => {
    const changed = controlKey(control, right, 0)
    return [same(changed.embeddings, right.embeddings), same(changed.latent, right.latent)]
  }
  expect(kept('wrong-key')).toEqual([0, 0])
  expect(kept('key-e-only')).toEqual([40, 0])
  expect(kept('key-i-only')).toEqual([0, 32])
  const [rows, values] = kept('half-wrong-key') as [number, number]
  expect(rows).toBe(20)
  expect(values).toBeGreaterThan(8)
  expect(values).toBeLessThan(24)
  expect(swappedKey(right, other)).toMatchObject({
    embeddings: other.embeddings,
    latent: other.latent,
  })
})
