/** What is compared pixel by pixel in parts of a face: colour of its skin, its sharpness, and the border around it. */

import { pooled } from '../embeddings.ts'
import type { EvalSet } from '../eval-set.ts'
import type { PairFeature } from '../features/feature.ts'
import { meanOf, numbersOf, quantileOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import { borderGradientDefinition, borderGradientRatio } from './border-gradient.ts'
import { isMeasured } from './definition.ts'
import { highFrequencyDefinition, highFrequencyRatio } from './high-frequency.ts'
import { type SkinGroup, skinGroup, skinGroups, skinToneDefinition, skinTones } from './skin-tone.ts'

/** What is in a row, in this order; NaN where there is no number. */
export const regionMeasures = ['L0', 'a0', 'b0', 'L', 'a', 'b', 'sharp-face', 'sharp-skin', 'border'] as const
export type RegionMeasure = (typeof regionMeasures)[number]

export const regions: PairFeature = {
  name: 'regions',
  of: 'pair',
  load: async () => ({
    checksum: '2'.padEnd(12, '0'),
    compute: async pairs =>
      pairs.map(({ original, version, landmarks }) => {
        const row = new Float32Array(regionMeasures.length).fill(Number.NaN)
        if (!landmarks) return row
        const tones = skinTones(original, version, landmarks)
        if (isMeasured(tones)) row.set([...tones.original, ...tones.version])
        const sharpness = highFrequencyRatio(original, version, landmarks)
        if (isMeasured(sharpness)) row.set([sharpness.face, sharpness.skin], regionMeasures.indexOf('sharp-face'))
        const border = borderGradientRatio(original, version, landmarks)
        if (isMeasured(border)) row[regionMeasures.indexOf('border')] = border
        return row
      }),
  }),
}

// Does the protected face fit into its photo: colour of the skin, sharpness, and the border?

type People = readonly (readonly string[])[]

/** A row by the names of its measures. */
type Measured = Readonly<Record<RegionMeasure, number>>

/** Colours of skin by group, sharpness and border, of the pictures in whose original the face was found. */
export const appearance: Metric = {
  name: 'appearance',
  group: 'utility',
  definitions: [skinToneDefinition, highFrequencyDefinition, borderGradientDefinition],
  needs: () => [regions],
  run: async (evalSet, version) => {
    const { rows, people } = await measured(evalSet, version)
    return { values: [...skinTone(rows, people, version), ...quantiles(rows, people, version)] }
  },
}

async function measured(evalSet: EvalSet, version: string): Promise<{ rows: Measured[]; people: People }> {
  const { rows, people } = await pooled(evalSet, regions, version)
  const named = rows.map(row => Object.fromEntries(regionMeasures.map((name, i) => [name, row[i]!])) as Measured)
  return { rows: named, people }
}

/** Fewer pictures of a group say nothing of the spread between groups. */
const leastOfGroup = 5

function skinTone(rows: readonly Measured[], people: People, version: string): Score[] {
  const seen = rows.flatMap((row, i) => (Number.isNaN(row.L) ? [] : [{ ...row, of: people[i]! }]))
  const about = { definition: skinToneDefinition.id, version }
  const groups = new Map<SkinGroup | 'all', typeof seen>([['all', seen]])
  for (const group of skinGroups)
    groups.set(
      group,
      seen.filter(({ L0, a0, b0 }) => skinGroup([L0, a0, b0]) === group),
    )
  const signedMeans: number[] = []
  const values = [...groups].flatMap(([group, chosen]): Score[] => {
    if (chosen.length === 0) return []
    const whom = chosen.map(({ of }) => of)
    const channels = (['L', 'a', 'b'] as const).flatMap((channel): Score[] => {
      const each = chosen.map(row => row[channel] - row[`${channel}0`])
      const of = `${channel}*, ${group}`
      return [
        { ...about, of, ...meanOf(each, whom) },
        { ...about, of: `absolute ${of}`, ...meanOf(each.map(Math.abs), whom) },
      ]
    })
    if (group !== 'all' && chosen.length >= leastOfGroup) signedMeans.push(channels[0]!.value)
    return channels
  })
  if (signedMeans.length < 2) return values
  const spread = Math.max(...signedMeans) - Math.min(...signedMeans)
  return [...values, { ...about, of: 'L*, spread of groups', value: spread, n: seen.length }]
}

function quantiles(rows: readonly Measured[], people: People, version: string): Score[] {
  const wanted = [
    { definition: highFrequencyDefinition.id, of: 'face, median', measure: 'sharp-face', share: 0.5 },
    { definition: highFrequencyDefinition.id, of: 'skin, median', measure: 'sharp-skin', share: 0.5 },
    { definition: borderGradientDefinition.id, of: 'median', measure: 'border', share: 0.5 },
    { definition: borderGradientDefinition.id, of: '90th percentile', measure: 'border', share: 0.9 },
  ] as const
  return wanted.flatMap(({ definition, of, measure, share }): Score[] => {
    const [found, whom] = numbersOf(
      rows.map(row => row[measure]),
      people,
    )
    return found.length === 0 ? [] : [{ definition, version, of, ...quantileOf(found, whom, share) }]
  })
}
