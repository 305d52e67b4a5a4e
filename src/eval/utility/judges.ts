/** Age, sex and expression as networks see them that no energy follows; and ages kept by both kinds of networks. */

import { expressions } from '../../faces/attributes.ts'
import { judged, judgedExpressions } from '../features/judged.ts'
import { attributes } from '../features/networks.ts'
import { meanOf, shareOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import { ageTolerance, ageWithinDefinition } from '../metrics/age-within.ts'
import { ageDifferenceDefinition, agreementDefinition } from '../metrics/attribute-agreement.ts'
import { pooled } from '../pooled.ts'

const names = {
  faceres: 'age and sex (human’s faceres)',
  emotion: 'expression (human)',
  ageGender: 'age and gender (face-api)',
} as const

/** The heads of faceres are a white box where its recognizer is followed, since they read the same embedding. */
export const judges: Metric = {
  name: 'judges',
  group: 'utility',
  definitions: [agreementDefinition, ageDifferenceDefinition, ageWithinDefinition],
  needs: () => [judged, attributes],
  run: async (evalSet, version) => {
    const originals = await evalSet.rows(judged, 'original')
    const { rows, cases, people } = await pooled(evalSet, judged, version)
    if (rows.length === 0) return { values: [] }
    const pairs = rows.map((row, k) => [read(originals[cases[k]!]!), read(row)] as const)
    const faceres = { version, network: names.faceres, role: evalSet.role('faceres') }
    const years = pairs.map(([a, b]) => Math.abs(a.age - b.age))
    const agree = (of: 'gender' | 'expression') =>
      shareOf(
        pairs.map(([a, b]) => a[of] === b[of]),
        people,
      )
    return {
      values: [
        { definition: agreementDefinition.id, of: 'gender', ...faceres, ...agree('gender') },
        { definition: ageDifferenceDefinition.id, ...faceres, ...meanOf(years, people) },
        { definition: ageWithinDefinition.id, ...faceres, ...within(years, people) },
        {
          definition: agreementDefinition.id,
          version,
          of: 'expression',
          network: names.emotion,
          role: 'judge',
          ...agree('expression'),
        },
        ...(await followed(evalSet, version)),
      ],
    }
  },
}

/** Ages kept as the network sees them that the attribute energy follows. */
async function followed(evalSet: Parameters<Metric['run']>[0], version: string): Promise<Score[]> {
  const originals = await evalSet.rows(attributes, 'original')
  const { rows, cases, people } = await pooled(evalSet, attributes, version)
  const age = (row: Float32Array) => row[expressions.length]!
  const years = rows.map((row, k) => Math.abs(age(row) - age(originals[cases[k]!]!)))
  const about = { version, network: names.ageGender, role: evalSet.role('age-gender') }
  return [{ definition: ageWithinDefinition.id, ...about, ...within(years, people) }]
}

const within = (years: readonly number[], people: readonly (readonly string[])[]) =>
  shareOf(
    years.map(difference => difference <= ageTolerance),
    people,
  )

function read(row: Float32Array) {
  const probabilities = row.subarray(2)
  return {
    age: row[0]!,
    gender: row[1]! > 0 ? 'male' : 'female',
    expression: judgedExpressions[probabilities.indexOf(Math.max(...probabilities))]!,
  }
}
