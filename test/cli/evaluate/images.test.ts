/** eval with what users bring: FID's Inception, LPIPS, and LFW's pairs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'
import { run } from '../../../src/cli/program.ts'
import type { Score } from '../../../src/eval/metric.ts'
import type { Image } from '../../../src/images/image.ts'
import { fidInception } from '../../../src/models/fid-inception.ts'
import { lpips } from '../../../src/models/lpips.ts'
import { proceduralWeights } from '../../../src/parity/golden.ts'
import { proceduralPicture } from '../../../src/parity/procedural.ts'
import { initialise } from '../../../src/train/state.ts'
import { saveWeights } from '../../../src/weights/write-safetensors.ts'
import { portrait } from '../../data/portraits.ts'
import { golden, relative } from '../../eval/metrics/golden.ts'
import { writeFolder } from '../../eval/procedural.ts'
import { usableBackends } from '../../models/backends.ts'

const root = mkdtempSync(join(tmpdir(), 'eval-'))
const backend = usableBackends.includes('tensorflow') ? 'tensorflow' : 'wasm'

beforeAll(() => useBackend(backend))
afterAll(() => rmSync(root, { recursive: true }))

/** Measures folders and returns all values. */
async function measure(...args: string[]): Promise<Score[]> {
  const out = join(root, 'out')
  vi.spyOn(console, 'log').mockImplementation(() => {})
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  try {
    const judge = ['--recognizer', 'mobilefacenet', '--cache', join(root, 'cache')]
    // What costs little: the project's own targets ask for attacks.
    writeFileSync(
      join(root, 'targets.yaml'),
      'title: Aims\ntargets: [{ what: accepted, definition: tar-at-far, of: "original and {version}", atMost: 0.01 }]',
    )
    const targets = ['--targets', join(root, 'targets.yaml')]
    await run(['evaluate', 'images', 'anonymize', ...args, ...judge, ...targets, '--out', out, '--backend', backend])
  } finally {
    vi.restoreAllMocks()
  }
  return JSON.parse(readFileSync(join(out, 'metrics.json'), 'utf8')).values
}

/** Every byte of a picture changed. */
const changed = ({ data, ...size }: Image, change: (byte: number) => number): Image => ({
  ...size,
  data: Uint8Array.from(data, byte => Math.min(255, change(byte))),
})

test("with FID's Inception, FID and KID of folders are those of pytorch-fid and torch-fidelity", async () => {
  interface Expected {
    config: { gain: number; set: { count: number; side: number } }
    distances: Record<'torch-fidelity', Record<'pytorch-fid FID' | 'torch-fidelity KID', number>>
  }
  const { config, distances } = await golden<Expected>('fid-inception')
  const weights = proceduralWeights(fidInception().parameters, config.gain)
  const inception = join(root, 'inception.safetensors')
  await saveWeights(inception, weights)
  tf.dispose(weights)
  const { count, side } = config.set
  const pictures = (name: string, change: (byte: number) => number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, i) => {
        const picture = { width: side, height: side, data: proceduralPicture(`fid:${name}${i}`, side, side) }
        return [`${i}`, changed(picture, change)]
      }),
    )
  const originals = await writeFolder(
    join(root, 'x'),
    pictures('x', byte => byte),
  )
  const darkened = await writeFolder(
    join(root, 'y'),
    pictures('y', byte => byte >> 1),
  )
  const values = await measure(
    ...['--originals', originals, '--protected', darkened],
    ...['--inception', inception, '--resize', 'torch-fidelity'],
  )
  const value = (definition: string) => values.find(value => value.definition === definition)!
  const expected = distances['torch-fidelity']
  expect(relative(value('fid').value, expected['pytorch-fid FID'])).toBeLessThan(1e-4)
  expect(relative(value('kid').value, expected['torch-fidelity KID'])).toBeLessThan(1e-4)
  expect(value('fid')).toMatchObject({ n: count, network: 'FID Inception-v3 (2015), resized as torch-fidelity does' })
})

test("LFW's protocol, and LPIPS of originals and among samples", async () => {
  const people = ['Ada_Quinn', 'Bea_Ray', 'Cleo_Sand', 'Dan_Tor', 'Eve_Urs', 'Flo_Vane']
  const faces = await Promise.all(people.map((_, i) => portrait(i, 160)))
  // Two photos of everybody, the second brighter.
  const photos = (change: (byte: number) => number) =>
    Object.fromEntries(
      people.flatMap((name, i) => [
        [`${name}/${name}_0001`, changed(faces[i]!, change)],
        [`${name}/${name}_0002`, changed(faces[i]!, byte => change(byte) + 20)],
      ]),
    )
  const originals = await writeFolder(
    join(root, 'lfw'),
    photos(byte => byte),
  )
  const [first, second] = [0.9, 0.7].map((share, i) =>
    writeFolder(
      join(root, `dark-${i}`),
      photos(byte => share * byte),
    ),
  )
  const pairs = join(root, 'pairs.txt')
  const fold = (a: number) => [
    ...[a, a + 1].map(i => `${people[i]}\t1\t2`),
    ...[a, a + 1].map(i => `${people[i]}\t1\t${people[(i + 1) % 6]}\t2`),
  ]
  writeFileSync(pairs, ['3\t2', ...[0, 2, 4].flatMap(fold)].join('\n'))
  const lpipsWeights = join(root, 'lpips.safetensors')
  const drawn = initialise(lpips('squeeze').parameters, 0)
  // Distances are weighted sums of squares: weights of lpips are not negative.
  const positive = Object.entries(drawn).map(([name, w]) => [name, name.startsWith('lin') ? tf.abs(w) : w] as const)
  await saveWeights(lpipsWeights, Object.fromEntries(positive))
  tf.dispose([drawn, positive.map(([, w]) => w)])

  const folders = ['--originals', originals, '--protected', await first!, '--protected', await second!]
  const values = await measure(...folders, '--lfw-pairs', pairs, '--lpips', lpipsWeights)
  const find = (wanted: Partial<Score>) =>
    values.find(value => Object.entries(wanted).every(([key, x]) => value[key as keyof Score] === x))!
  const aligned = { definition: 'lfw', recognizer: 'mobilefacenet', alignment: 'original' } as const
  expect(find({ ...aligned, of: 'two originals' })).toMatchObject({ value: 1, n: 12, role: 'judge' })
  expect(find({ ...aligned, of: 'original and protected' }).value).toBe(1)
  expect(find({ ...aligned, definition: 'lfw-tar', of: 'two originals' })).toMatchObject({ far: 1e-3, value: 1 })
  const network = 'LPIPS 0.1 on SqueezeNet 1.1'
  // Two samples of each picture against their originals; and with each other.
  expect(find({ definition: 'lpips' })).toMatchObject({ n: 24, network })
  expect(find({ definition: 'diversity', network })).toMatchObject({ n: 12, of: '2 samples of one face' })
  expect(find({ definition: 'diversity', network }).value).toBeGreaterThan(0)
  expect(readFileSync(join(root, 'out', 'targets.md'), 'utf8')).toMatch(
    /\| accepted \| mobilefacenet \| [\d.]+ % \(.*\) \| 24 \| at most 1 % \| \*\*no\*\* \|/,
  )
  const { lines } = JSON.parse(readFileSync(join(root, 'out', 'targets.json'), 'utf8'))
  expect(lines).toMatchObject([{ row: { recognizer: 'mobilefacenet', role: 'judge' }, reached: false }])
  expect(readFileSync(join(root, 'out', 'table.md'), 'utf8')).toMatch(/LFW accuracy, originals .*\n.*\n.*100\.0 %/)

  writeFileSync(pairs, ['2', ...fold(0)].join('\n'))
  await expect(measure(...folders, '--lfw-pairs', pairs)).rejects.toThrow('expected pairs in ten folds, found one')
  writeFileSync(pairs, ['3\t2', ...[0, 2].flatMap(fold)].join('\n'))
  await expect(measure(...folders, '--lfw-pairs', pairs)).rejects.toThrow("is it LFW's pairs.txt?")
})

test('weights that are something else are refused', async () => {
  const folders = ['--originals', join(root, 'x'), '--protected', join(root, 'y')]
  const wrong = join(root, 'lpips.safetensors')
  await expect(measure(...folders, '--inception', wrong)).rejects.toThrow('Conv2d_1a_3x3.conv.weight')
  await expect(measure(...folders, '--lpips', join(root, 'inception.safetensors'))).rejects.toThrow(
    'expected the weights of LPIPS on alex, vgg, squeeze',
  )
  await expect(measure(...folders, '--guide', 'irises')).rejects.toThrow("age-gender, iris, found 'irises'")
  await expect(measure(...folders, '--recognizer', 'iris')).rejects.toThrow('expected a recognizer out of dlib')
  await expect(measure(...folders, '--inception', join(root, 'nothing.pth'))).rejects.toThrow('nothing.pth')
  await expect(measure(...folders, '--inception', wrong, '--resize', 'bilinear')).rejects.toThrow(
    'expected a --resize out of pytorch-fid, torch-fidelity, clean-fid',
  )
})
