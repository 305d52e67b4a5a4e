import type { Alignment, Feature } from './features/feature.ts'
import type { Study } from './study.ts'

/** The rows of all samples of a version, where there is one, and who each is of. */
export async function pooled(
  study: Study,
  feature: Feature,
  version: string,
  alignment: Alignment = 'original',
): Promise<{ rows: Float32Array[]; people: [string][]; cases: number[] }> {
  const rows: Float32Array[] = []
  const cases: number[] = []
  for (let sample = 0; sample < study.sampleCount(version); sample++)
    for (const [i, row] of (await study.rows(feature, version, { sample, alignment })).entries())
      if (row) {
        rows.push(row)
        cases.push(i)
      }
  return { rows, cases, people: cases.map(i => [study.cases[i]!.identity]) }
}
