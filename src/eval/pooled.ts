import type { EvalSet } from './eval-set.ts'
import type { Alignment, Feature } from './features/feature.ts'

/** The rows of all samples of a version, where there is one, and who each is of. */
export async function pooled(
  evalSet: EvalSet,
  feature: Feature,
  version: string,
  alignment: Alignment = 'original',
): Promise<{ rows: Float32Array[]; people: [string][]; cases: number[] }> {
  const rows: Float32Array[] = []
  const cases: number[] = []
  for (let sample = 0; sample < evalSet.sampleCount(version); sample++)
    for (const [i, row] of (await evalSet.rows(feature, version, { sample, alignment })).entries())
      if (row) {
        rows.push(row)
        cases.push(i)
      }
  return { rows, cases, people: cases.map(i => [evalSet.cases[i]!.identity]) }
}
