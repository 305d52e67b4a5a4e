/** eval on folders made elsewhere: photos with faces, protected by a blur; and what comes out of it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { run } from '../../src/cli/program.ts'
import { type Evaluation, evaluate } from '../../src/eval/evaluation.ts'
import type { Score } from '../../src/eval/metric.ts'
import { pictureTable } from '../../src/eval/per-picture.ts'
import { provenance } from '../../src/eval/provenance.ts'
import { writeEvaluation } from '../../src/report/evaluation-report.ts'
import { grey, portrait } from '../pipeline/photos.ts'
import { colours } from './procedural.ts'

const root = mkdtempSync(join(tmpdir(), 'evaluation-'))
const originals = join(root, 'originals')
const blurred = join(root, 'blurred')
const empty = join(root, 'empty')
const people = ['ada', 'bea', 'cleo'] as const

const options = {
  method: 'blur',
  originals,
  versions: [
    { name: 'protected', kind: 'protected', folders: [blurred] },
    { name: 'nobody', kind: 'control', folders: [empty] },
  ],
  guides: ['dlib'],
  calibration: { dlib: { threshold: 0.9, far: 1e-3 }, faceres: { threshold: 0.6, far: 1e-3 } },
  cache: join(root, 'cache'),
  attacks: false,
  network: colours,
} as const

let evaluation: Evaluation
const computed: string[] = []

beforeAll(async () => {
  await useBackend('wasm')
  for (const [i, person] of people.entries()) {
    for (const folder of [originals, blurred, empty]) mkdirSync(join(folder, person), { recursive: true })
    const photo = () => portrait(i as 0 | 1 | 2)
    await photo()
      .png()
      .toFile(join(originals, person, '1.png'))
    // Another format under the same name.
    await photo()
      .blur(1.5)
      .jpeg()
      .toFile(join(blurred, person, '1.jpg'))
    await grey()
      .resize(300, 320, { fit: 'fill' })
      .png()
      .toFile(join(empty, person, '1.png'))
  }
  evaluation = await evaluate({ ...options, onProgress: (_, __, what) => computed.push(what) })
})
afterAll(() => rmSync(root, { recursive: true }))

const find = (wanted: Partial<Score>) =>
  evaluation.values.find(value => Object.entries(wanted).every(([key, x]) => value[key as keyof Score] === x))

test('a light blur leaves the faces where they are and who they are', () => {
  expect(find({ definition: 'detection-rate', version: 'protected', of: 'protected' })).toMatchObject({
    value: 1,
    n: 3,
  })
  for (const network of new Set(
    evaluation.values.flatMap(({ network, definition }) => (definition === 'detection-rate' ? network! : [])),
  ))
    expect(find({ definition: 'detection-rate', network, of: 'originals' })!.value, network).toBe(1)
  expect(find({ definition: 'box-distance' })!.value).toBeLessThan(5)
  expect(find({ definition: 'landmark-distance' })!.value).toBeLessThan(3)
  expect(find({ definition: 'head-pose', of: 'angle' })!.value).toBeLessThan(5)
  expect(find({ definition: 'attribute-agreement', of: 'gender' })).toMatchObject({ value: 1, n: 3 })
  const foundAgain = evaluation.values.filter(({ definition }) => definition === 'found-again')
  expect(foundAgain.map(({ network }) => network!.split(' ')[0])).toEqual(['SSD', 'BlazeFace', 'TinyFaceDetector'])
  for (const { value, n } of foundAgain) expect([value, n]).toEqual([1, 3])
  expect(find({ definition: 'landmark-error' })!.value).toBeLessThan(0.04)
  expect(find({ definition: 'gaze' })).toMatchObject({ n: 3, role: 'judge' })
  expect(find({ definition: 'gaze' })!.value).toBeLessThan(10)
  for (const [network, role] of [
    ['age and gender (face-api)', 'judge'],
    ['age and sex (human’s faceres)', 'judge'],
  ])
    expect(find({ definition: 'age-within', network })).toMatchObject({ value: 1, n: 3, role })
  expect(Math.abs(find({ definition: 'skin-tone', of: 'L*, all' })!.value)).toBeLessThan(1)
  // A blur of 1.5 pixels takes away most of what is finer than that, all over the picture: there is no border.
  expect(find({ definition: 'high-frequency-energy', of: 'face, median' })!.value).toBeLessThan(0.5)
  expect(find({ definition: 'psnr', version: 'protected' })!.value).toBeGreaterThan(20)
  for (const alignment of ['own', 'original'] as const)
    expect(
      find({ definition: 'tar-at-far', of: 'original and protected', recognizer: 'dlib', alignment }),
    ).toMatchObject({ value: 1, n: 3, role: 'guide', threshold: 0.9, far: 1e-3 })
  expect(find({ definition: 'reidentification', of: 'rank 1 of 3', recognizer: 'faceres' })!.value).toBe(1)
  expect(find({ definition: 'ms-ssim', version: 'protected' })!.value).toBeGreaterThan(0.8)
})

test('grey pictures have no face of their own, and are nobody where the original has one', () => {
  expect(find({ version: 'nobody', alignment: 'own' })).toBeUndefined()
  expect(evaluation.notes.join()).toContain('nobody: no picture has a face in it by its own landmarks')
  const accepted = find({
    version: 'nobody',
    definition: 'tar-at-far',
    of: 'original and nobody',
    recognizer: 'faceres',
  })
  expect(accepted).toMatchObject({ value: 0, n: 3, role: 'judge' })
})

test('every value has a definition and says how many cases it is of', () => {
  const ids = new Set(evaluation.definitions.map(({ id }) => id))
  for (const value of evaluation.values) {
    expect(ids, value.definition).toContain(value.definition)
    expect(value.n, value.definition).toBeGreaterThan(0)
    expect(Number.isFinite(value.value), `${value.definition} ${value.of}`).toBe(true)
  }
})

test('a second run computes no feature again, gives the same, and leaves no tensors behind', async () => {
  expect(computed).toEqual(expect.arrayContaining(['pictures', 'faces', 'pairs']))
  const again: string[] = []
  const before = tf.memory().numTensors
  const second = await evaluate({ ...options, onProgress: (_, __, what) => again.push(what) })
  expect(tf.memory().numTensors).toBe(before)
  expect(again.filter(what => ['pictures', 'faces', 'pairs'].includes(what))).toEqual([])
  expect(second.values).toEqual(evaluation.values)
  expect(second.measuring!.memory.features).toEqual({})
})

test('the files hold every number; in the report each leads to its definition', async () => {
  const out = join(root, 'out')
  const from = { title: 'Evaluation of <blur>', ...(await provenance('wasm')), originals }
  const table = await writeEvaluation([evaluation], from, out)
  const metrics = JSON.parse(readFileSync(join(out, 'metrics.json'), 'utf8'))
  expect(metrics.values).toHaveLength(evaluation.values.length)
  expect(metrics.methods[0]).toMatchObject({ method: 'blur', pictures: 3, people: 3, guides: ['dlib'] })
  const { seconds, memory } = metrics.methods[0].measuring
  expect(seconds).toBeGreaterThan(0)
  expect(Object.keys(memory.features)).toEqual(['pictures', 'faces', 'pairs'])
  expect(memory.features.faces.atTenth).toBeGreaterThan(100)
  expect(memory.most).toBeGreaterThanOrEqual(memory.features.pairs.atEnd)
  expect(metrics.definitions.ssim.source).toContain('scikit-image')
  expect(table).toContain('## Identity: dlib')
  expect(table).toMatch(/guide \(white box\) of blur/)
  expect(table).toMatch(/\| blur \| 3 \| 100\.0 % \(/)
  expect(table).toContain('mean colours')
  const page = readFileSync(join(out, 'report.html'), 'utf8')
  expect(page).toContain('Evaluation of &lt;blur&gt;')
  expect(page).not.toMatch(/<script|src="http/)
  const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id!)
  expect(links.length).toBeGreaterThan(20)
  for (const id of new Set(links)) expect(page).toContain(`id="${id}"`)
  expect(page.match(/<polygon/g)!.length).toBeGreaterThanOrEqual(6)
  expect(page.match(/<img src="data:image\/jpeg/g)).toHaveLength(2 * 2 * 3)
})

test('eval says what does not fit before it computes anything', async () => {
  const cli = (...more: string[]) => run(['evaluate', 'images', ...more, '--originals', originals, '--backend', 'wasm'])
  await expect(cli('anonymize')).rejects.toThrow('expected --protected')
  await expect(cli('anonymize', '--protected', blurred, '--guide', 'dlip')).rejects.toThrow("found 'dlip'")
  await expect(cli('hide', '--protected', join(root, 'nowhere'))).rejects.toThrow('expected a folder of pictures')
  await expect(cli('hide', '--protected', blurred, '--manifest', join(root, 'no.json'))).rejects.toThrow(
    'found no file',
  )
})

test('each picture has numbers of its own, which the aggregates are means of', () => {
  const { each = [] } = evaluation
  expect(each.map(({ name, sample }) => [name, sample])).toEqual(people.map(person => [`${person}/1`, 1]))
  const mean = (head: string) => each.reduce((sum, row) => sum + (row[head] as number), 0) / each.length
  expect(mean('skin L* change')).toBeCloseTo(find({ definition: 'skin-tone', of: 'L*, all' })!.value, 5)
  expect(mean('gaze, degrees')).toBeCloseTo(find({ definition: 'gaze' })!.value, 5)
  expect(mean('cosine, dlib')).toBeCloseTo(
    find({ definition: 'cosine', of: 'original and protected', recognizer: 'dlib', alignment: 'original' })!.value,
    5,
  )
  const [heads, ...lines] = pictureTable(each).trimEnd().split('\n')
  expect(heads).toMatch(/^name,sample,"cosine, dlib"/)
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(/^ada\/1,1,0\.\d+,/)
})
