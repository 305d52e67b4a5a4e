/** An evaluation set whose embeddings are given: what metrics of identity make of them can then be known beforehand. */

import type { Calibration, EvalSet, Which } from '../../src/eval/eval-set.ts'
import type { AnyRecognizerName } from '../../src/faces/recognizers.ts'
import { RandomStream } from '../../src/util/random.ts'

export interface SyntheticPictures {
  /** Who is on each picture. */
  readonly people: readonly string[]
  /** Embeddings by version, sample and picture; undefined where no face was found. */
  readonly versions: Readonly<Record<string, readonly (readonly (Float32Array | undefined)[])[]>>
  readonly calibration?: Calibration
  readonly guides?: readonly string[]
}

export function syntheticEvalSet({
  people,
  versions,
  calibration = {},
  guides = ['dlib'],
}: SyntheticPictures): EvalSet {
  const recognizers: AnyRecognizerName[] = ['dlib', 'faceres']
  const evalSet = {
    cases: people.map((identity, i) => ({ name: `${identity}/${i}`, identity })),
    recognizers,
    calibration,
    role: (name: string) => (guides.includes(name) ? 'guide' : 'judge'),
    sampleCount: (version: string) => versions[version]!.length,
    rows: async (_: unknown, version: string, { sample = 0 }: Which = {}) => versions[version]![sample]!,
  }
  return evalSet as unknown as EvalSet
}

/** A random unit vector that its key decides. */
export function direction(dimensions: number, ...key: (string | number)[]): Float32Array {
  const vector = new RandomStream(0, 'direction', ...key).normals(dimensions)
  const length = Math.hypot(...vector)
  return vector.map(value => value / length)
}

/** Between two vectors: a + share (b - a), of unit length. */
export function between(a: Float32Array, b: Float32Array, share: number): Float32Array {
  const mixed = a.map((value, i) => value + share * (b[i]! - value))
  const length = Math.hypot(...mixed)
  return mixed.map(value => value / length)
}
