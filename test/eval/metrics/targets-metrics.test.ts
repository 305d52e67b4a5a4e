import { describe, expect, it } from 'vitest'
import { quantileOf } from '../../../src/eval/intervals.ts'
import { isMeasured } from '../../../src/eval/metrics/definition.ts'
import { overlapping } from '../../../src/eval/metrics/detection.ts'
import { gazeAngle } from '../../../src/eval/metrics/gaze.ts'
import { kidOthers } from '../../../src/eval/metrics/kid.ts'
import { landmarkError } from '../../../src/eval/metrics/landmarks.ts'
import { auc, roc, weightedAuc } from '../../../src/eval/metrics/roc.ts'
import { productsOf, type Vectors } from '../../../src/eval/metrics/vectors.ts'
import { RandomStream } from '../../../src/util/random.ts'
import { faceAt } from './synthetic-face.ts'

const ones = (count: number) => new Float64Array(count).fill(1)

it('landmark error is a distance in distances of the eyes', () => {
  const face = faceAt(50, 50, 20)
  const moved = face.map(({ x, y }) => ({ x: x + 3, y: y - 4 }))
  expect(landmarkError(face, moved)).toBeCloseTo(5 / 20, 9)
  expect(() => landmarkError(face, moved.slice(1))).toThrow('found 68 and 67')
})

it('the angle between two gazes is that of their directions', () => {
  expect(gazeAngle([10, 0], [-5, 0])).toBeCloseTo(15, 6)
  expect(gazeAngle([0, 20], [0, 20])).toBeCloseTo(0, 4)
  // At the pole of the eyeball, yaw means nothing.
  expect(gazeAngle([0, 90], [70, 90])).toBeCloseTo(0, 4)
})

it('a face is found again where its box was', () => {
  const box = { x: 10, y: 10, width: 20, height: 20 }
  const beside = { ...box, x: 15 } // 15 of 25 columns in common
  expect(overlapping([{ ...box, x: 200 }, beside], box, 0.5)).toBe(beside)
  expect(overlapping([beside], box, 0.7)).toBeUndefined()
  expect(overlapping([], box, 0)).toBeUndefined()
})

describe('KID to other people', () => {
  const set = (count: number, key: string, mean = 0): Vectors => ({
    dimensions: 8,
    values: new RandomStream(1, key).normals(8 * count).map(value => value + mean),
  })
  const names = (count: number) => Array.from({ length: count }, (_, i) => `person ${i}`)
  const distance = (x: Vectors, y: Vectors, people: string[]) => {
    const found = kidOthers(productsOf(x, y), people)
    if (!isMeasured(found)) throw new Error(found.unmeasured)
    return found
  }

  it('is exactly 0 of the originals themselves, about 0 of the same distribution, more of another', () => {
    const originals = set(60, 'originals')
    expect(distance(originals, originals, names(60))(ones(60))).toBeCloseTo(0, 12)
    const same = distance(set(60, 'others'), originals, names(60))(ones(60))
    const other = distance(set(60, 'others', 0.5), originals, names(60))(ones(60))
    expect(Math.abs(same)).toBeLessThan(0.2 * other)
  })

  it('compares no face with a person’s own', () => {
    const [x, y] = [set(4, 'x'), set(4, 'y')]
    const k = (a: Vectors, i: number, b: Vectors, j: number) => {
      let sum = 0
      for (let c = 0; c < 8; c++) sum += a.values[8 * i + c]! * b.values[8 * j + c]!
      return (sum / 8 + 1) ** 3
    }
    const people = ['a', 'a', 'b', 'c']
    let [sum, pairs] = [0, 0]
    for (let i = 0; i < 4; i++)
      for (let j = 0; j < 4; j++)
        if (people[i] !== people[j]) {
          sum += k(x, i, x, j) + k(y, i, y, j) - k(x, i, y, j) - k(x, j, y, i)
          pairs++
        }
    expect(distance(x, y, people)(ones(4))).toBeCloseTo(sum / pairs, 9)
    expect(kidOthers(productsOf(x, y), ['a', 'a', 'a', 'a'])).toMatchObject({ unmeasured: expect.any(String) })
    expect(() => kidOthers(productsOf(x, y), ['a'])).toThrow('expected as many rows as people')
  })
})

it('the weighted AUC is that of the ROC curve, and of cases that count twice', () => {
  const scores = [0.1, 0.4, 0.4, 0.35, 0.8, 0.2]
  const positive = [false, true, false, true, true, false]
  const chosen = (is: boolean) => scores.filter((_, i) => positive[i] === is)
  const area = weightedAuc(scores, positive)
  expect(area(ones(6))).toBeCloseTo(auc(roc(chosen(true), chosen(false))), 12)
  const twice = auc(roc([...chosen(true), 0.35], chosen(false)))
  expect(area(Float64Array.of(1, 1, 1, 2, 1, 1))).toBeCloseTo(twice, 12)
})

it('a quantile has an interval around it', () => {
  const values = Array.from({ length: 101 }, (_, i) => i)
  const people = values.map(value => [`${value}`])
  const median = quantileOf(values, people, 0.5)
  expect(median).toMatchObject({ value: 50, n: 101 })
  expect(median.interval[0]).toBeGreaterThan(30)
  expect(median.interval[1]).toBeLessThan(70)
  expect(quantileOf(values, people, 0.9).value).toBe(90)
})
