/** Metrics of identity, diversity and the linear attacks on embeddings that are known. */
import { describe, expect, test } from 'vitest'
import { guessedKey } from '../../src/eval/attacks/guessed-key.ts'
import { identityHead } from '../../src/eval/attacks/identity-head.ts'
import { learnedMatch } from '../../src/eval/attacks/learned-match.ts'
import { protectedDetector } from '../../src/eval/attacks/protected-detector.ts'
import { foldsOf, ridge } from '../../src/eval/attacks/ridge.ts'
import { acceptThresholds } from '../../src/eval/identity/accept-thresholds.ts'
import type { MetricResult, Score } from '../../src/eval/metric.ts'
import { diversity } from '../../src/eval/metrics/diversity.ts'
import { reidentification } from '../../src/eval/metrics/reidentification.ts'
import { verification } from '../../src/eval/metrics/verification.ts'
import { between, direction, syntheticEvalSet } from './synthetic-eval-set.ts'

const width = 24
const people = Array.from({ length: 40 }, (_, i) => `p${i}`)
const originals = people.map(name => direction(width, name))
/** Somebody else entirely. */
const strangers = people.map(name => direction(width, name, 'stranger'))
const calibration = { dlib: { threshold: 0.9, far: 1e-3 }, faceres: { threshold: 0.9, far: 1e-3 } }

function find({ values }: MetricResult, wanted: Partial<Score>): Score {
  const found = values.find(value => Object.entries(wanted).every(([key, x]) => value[key as keyof Score] === x))
  if (!found) throw new Error(`no value ${JSON.stringify(wanted)}`)
  return found
}

describe('verification', () => {
  test('says how many are accepted, at which threshold, by whom, with an interval', async () => {
    // A quarter keep their faces.
    const versions = people.map((_, i) => (i % 4 === 0 ? originals[i]! : strangers[i]!))
    const evalSet = syntheticEvalSet({
      people,
      versions: { original: [originals], protected: [versions] },
      calibration,
    })
    const found = await verification.run(evalSet, 'protected')
    const wanted = { definition: 'tar-at-far', of: 'original and protected', far: 1e-3, alignment: 'original' } as const
    const value = find(found, { ...wanted, recognizer: 'dlib' })
    expect(value).toMatchObject({ value: 0.25, n: 40, role: 'guide', threshold: 0.9, thresholdFrom: 'calibration' })
    expect(value.interval![0]).toBeGreaterThan(0.05)
    expect(value.interval![0]).toBeLessThan(0.25)
    expect(value.interval![1]).toBeGreaterThan(0.25)
    expect(find(found, { ...wanted, recognizer: 'faceres' }).role).toBe('judge')
    // 780 pairs of originals accept ten at one in a hundred only when there are a thousand.
    expect(found.values.some(({ far }) => far === 1e-2)).toBe(false)
    expect(found.plots!.map(({ kind }) => kind)).toEqual(['histogram', 'roc', 'histogram', 'roc'])
  })

  test('of none accepted the interval does not shrink to nothing', async () => {
    const evalSet = syntheticEvalSet({
      people,
      versions: { original: [originals], protected: [strangers] },
      calibration,
    })
    const found = await verification.run(evalSet, 'protected')
    const value = find(found, { definition: 'tar-at-far', of: 'original and protected' })
    expect(value.value).toBe(0)
    expect(value.interval![1]).toBeGreaterThan(0.05)
  })

  test('pairs other photos of a person where there are some, and leaves out faces that are not found', async () => {
    const twice = people.map((_, i) => `p${Math.floor(i / 2)}`)
    const faces = twice.map(name => direction(width, name))
    const versions = faces.map((face, i) => (i === 1 ? undefined : face))
    const evalSet = syntheticEvalSet({
      people: twice,
      versions: { original: [faces], protected: [versions] },
      calibration,
    })
    const found = await verification.run(evalSet, 'protected')
    const n = (of: string) => find(found, { definition: 'cosine', of, recognizer: 'dlib', alignment: 'own' }).n
    expect(n('two originals of one person')).toBe(20)
    expect(n('original and protected')).toBe(39)
    expect(n('original and protected of another picture of the person')).toBe(19)
    expect(n('protected of two pictures of one person')).toBe(19)
  })

  test('finds a threshold among the originals where these are many enough', async () => {
    const many = Array.from({ length: 60 }, (_, i) => `q${i}`)
    const faces = many.map(name => direction(width, name))
    const evalSet = syntheticEvalSet({ people: many, versions: { original: [faces], protected: [faces] } })
    const [threshold, ...others] = await acceptThresholds(evalSet, 'dlib', 'original')
    expect(others).toEqual([])
    expect(threshold).toMatchObject({ far: 1e-2, thresholdFrom: 'originals' })
    const cosines = faces.flatMap((a, i) => faces.slice(0, i).map(b => a.reduce((sum, x, k) => sum + x * b[k]!, 0)))
    expect(cosines.filter(cosine => cosine > threshold!.threshold)).toHaveLength(17)
  })
})

test('re-identification ranks the person among all originals', async () => {
  const near = originals.map((face, i) => between(face, originals[(i + 1) % 40]!, i < 10 ? 0.55 : 0.2))
  const evalSet = syntheticEvalSet({ people, versions: { original: [originals], protected: [near] }, calibration })
  const found = await reidentification.run(evalSet, 'protected')
  expect(find(found, { of: 'rank 1 of 40', recognizer: 'dlib', alignment: 'original' })).toMatchObject({
    value: 0.75,
    n: 40,
  })
  expect(find(found, { of: 'rank 5 of 40', recognizer: 'dlib', alignment: 'original' }).value).toBe(1)
})

test('diversity is of the samples of one face', async () => {
  const samples = [0, 1, 2].map(s => people.map(name => direction(width, name, s)))
  const evalSet = syntheticEvalSet({ people, versions: { original: [originals], protected: samples }, calibration })
  const found = await diversity().run(evalSet, 'protected')
  const value = find(found, { definition: 'diversity', recognizer: 'dlib' })
  expect(value.n).toBe(40)
  expect(value.value).toBeCloseTo(1, 0)
  expect(find(found, { definition: 'tar-at-far', of: 'two samples of one face' })).toMatchObject({ value: 0, n: 120 })
  const one = syntheticEvalSet({ people, versions: { original: [originals], protected: [originals] } })
  expect((await diversity().run(one, 'protected')).values).toEqual([])
})

describe('attacks', () => {
  /** Protection that only turns the space of embeddings: a linear map undoes it. */
  const turned = originals.map(face => face.map((_, i) => face[(i + 7) % width]!))
  const many = Array.from({ length: 120 }, (_, i) => `q${i}`)
  const faces = many.map(name => direction(width, name))
  const manyTurned = faces.map(face => face.map((_, i) => face[(i + 7) % width]!))

  test('ridge regression finds a linear map, and shrinks with its strength', () => {
    const x = { dimensions: 2, values: Float64Array.of(1, 0, 0, 1, 1, 1, 2, -1) }
    const y = { dimensions: 1, values: Float64Array.from([1, 0, 0, 1, 1, 1, 2, -1].keys()).subarray(0, 4) }
    for (let i = 0; i < 4; i++) y.values[i] = 3 * x.values[2 * i]! - x.values[2 * i + 1]! + 0.5
    const query = { dimensions: 2, values: Float64Array.of(4, 4) }
    expect(ridge(x, y, 1e-9).apply(query).values[0]).toBeCloseTo(8.5, 5)
    expect(ridge(x, y, 10).apply(query).values[0]).toBeLessThan(6)
  })

  test('folds never part a person, and are of like size', () => {
    const folds = foldsOf(['a', 'b', 'a', 'c', 'd', 'e', 'c'], 5)
    expect(folds[0]).toBe(folds[2])
    expect(folds[3]).toBe(folds[6])
    expect(new Set(folds).size).toBe(5)
  })

  test('a learned map finds people whom plain similarity does not', async () => {
    const evalSet = syntheticEvalSet({
      people: many,
      versions: { original: [faces], protected: [manyTurned] },
      calibration,
    })
    const plain = find(await reidentification.run(evalSet, 'protected'), { of: 'rank 1 of 120', recognizer: 'dlib' })
    const learned = find(await learnedMatch.run(evalSet, 'protected'), { of: 'rank 1 of 120', recognizer: 'dlib' })
    expect(plain.value).toBeLessThan(0.1)
    expect(learned.value).toBeGreaterThan(0.8)
    const strange = many.map(name => direction(width, name, 'stranger'))
    const other = syntheticEvalSet({ people: many, versions: { original: [faces], protected: [strange] }, calibration })
    expect(find(await learnedMatch.run(other, 'protected'), { of: 'rank 1 of 120' }).value).toBeLessThan(0.1)
    const few = syntheticEvalSet({
      people: people.slice(0, 5),
      versions: { original: [originals], protected: [turned] },
    })
    expect((await learnedMatch.run(few, 'protected')).notes![0]).toContain('needs 20 people')
  })

  test('a trained head learns by photo where people have several, or else by sample', async () => {
    const twice = many.map((_, i) => `p${Math.floor(i / 3)}`)
    const faces = twice.map((name, i) => between(direction(width, name), direction(width, i), 0.2))
    const byPhoto = syntheticEvalSet({ people: twice, versions: { original: [faces], protected: [faces] } })
    const found = find(await identityHead.run(byPhoto, 'protected'), { recognizer: 'dlib' })
    expect(found).toMatchObject({ of: 'one of 40, by other photos', n: 40 })
    expect(found.value).toBeGreaterThan(0.8)
    const samples = [0, 1].map(s => people.map(name => direction(width, name, s)))
    const bySample = syntheticEvalSet({ people, versions: { original: [originals], protected: samples } })
    const chance = find(await identityHead.run(bySample, 'protected'), { recognizer: 'dlib' })
    expect(chance).toMatchObject({ of: 'one of 40, by other samples', n: 40 })
    expect(chance.value).toBeLessThan(0.2)
    const once = syntheticEvalSet({ people, versions: { original: [originals], protected: [strangers] } })
    expect((await identityHead.run(once, 'protected')).notes![0]).toContain('several protected pictures')
  })

  test('a detector tells what protection leaves behind, and nothing where it leaves nothing', async () => {
    const mark = direction(width, 'mark')
    const marked = faces.map(face => between(face, mark, 0.6))
    const evalSet = syntheticEvalSet({ people: many, versions: { original: [faces], protected: [marked] } })
    expect(find(await protectedDetector.run(evalSet, 'protected'), { recognizer: 'dlib' }).value).toBeGreaterThan(0.95)
    const same = many.map(name => direction(width, name, 'stranger'))
    const none = syntheticEvalSet({ people: many, versions: { original: [faces], protected: [same] } })
    const chance = find(await protectedDetector.run(none, 'protected'), { recognizer: 'dlib' })
    expect(chance.n).toBe(240)
    expect(Math.abs(chance.value - 0.5)).toBeLessThan(0.12)
  })

  test('a guessed key counts as much as it recovers of the person', async () => {
    const evalSet = syntheticEvalSet({
      people,
      versions: { original: [originals], guess: [people.map((_, i) => (i < 10 ? originals[i]! : strangers[i]!))] },
      calibration,
    })
    expect(find(await guessedKey.run(evalSet, 'guess'), { recognizer: 'dlib' })).toMatchObject({ value: 0.25, n: 40 })
  })
})
