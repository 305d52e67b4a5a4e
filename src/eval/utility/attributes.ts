/** Is it a face of the same expression, age and gender to networks that judge these? */
import { expressions } from '../../faces/attributes.ts'
import { attributes } from '../features/networks.ts'
import { meanOf, shareOf } from '../intervals.ts'
import type { Metric } from '../metric.ts'
import { ageDifferenceDefinition, agreementDefinition } from '../metrics/attribute-agreement.ts'
import type { GuidingNetwork } from '../networks.ts'
import { pooled } from '../pooled.ts'

/** Cut out where the original's face is, so that all pictures count. */
export const attributeAgreement: Metric = {
  name: 'attributes',
  group: 'utility',
  definitions: [agreementDefinition, ageDifferenceDefinition],
  needs: () => [attributes],
  run: async (evalSet, version) => {
    const originals = await evalSet.rows(attributes, 'original')
    const { rows, cases, people } = await pooled(evalSet, attributes, version)
    if (rows.length === 0) return { values: [] }
    const each = rows.map((row, k) => [read(originals[cases[k]!]!), read(row)] as const)
    const agree = (of: 'expression' | 'gender', network: string, guide: GuidingNetwork) => ({
      definition: agreementDefinition.id,
      version,
      of,
      network,
      role: evalSet.role(guide),
      ...shareOf(
        each.map(([a, b]) => a[of] === b[of]),
        people,
      ),
    })
    return {
      values: [
        agree('expression', 'face expression (face-api)', 'expression'),
        agree('gender', 'age and gender (face-api)', 'age-gender'),
        {
          definition: ageDifferenceDefinition.id,
          version,
          network: 'age and gender (face-api)',
          role: evalSet.role('age-gender'),
          ...meanOf(
            each.map(([a, b]) => Math.abs(a.age - b.age)),
            people,
          ),
        },
      ],
    }
  },
}

/** A row of `attributes` as labels. */
function read(row: Float32Array) {
  const probabilities = row.subarray(0, expressions.length)
  const [age, male] = row.subarray(expressions.length)
  return {
    expression: expressions[probabilities.indexOf(Math.max(...probabilities))]!,
    age: age!,
    gender: male! > 0.5 ? 'male' : 'female',
  }
}
