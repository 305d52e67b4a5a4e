/** What is compared pixel by pixel in parts of a face: colour of its skin, its sharpness, and the border around it. */
import { borderGradientRatio } from '../metrics/border-gradient.ts'
import { isMeasured } from '../metrics/definition.ts'
import { highFrequencyRatio } from '../metrics/high-frequency.ts'
import { skinTones } from '../metrics/skin-tone.ts'
import type { PairFeature } from './feature.ts'

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
