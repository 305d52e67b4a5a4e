/** What is compared pixel by pixel between a version and its original. */
import { faceMask } from '../../faces/mask.ts'
import { faceSize } from '../../faces/template.ts'
import { apply, type Similarity } from '../../faces/warp.ts'
import type { Image } from '../../images/image.ts'
import { pooled } from '../embeddings.ts'
import type { PairFeature } from '../features/feature.ts'
import { meanOf, numbersOf } from '../intervals.ts'
import type { Metric } from '../metric.ts'
import { backgroundChange, backgroundChangeDefinition } from './background-change.ts'
import { type Definition, isMeasured, type Unmeasured } from './definition.ts'
import { mae, maeDefinition, psnr, psnrDefinition } from './pixel-error.ts'
import { msSsim, msSsimDefinition, ssim, ssimDefinition } from './ssim.ts'

/** What is in a row, in this order; `background` is a mean absolute difference. NaN where there is no number. */
export const pixelMeasures = ['psnr', 'ssim', 'ms-ssim', 'mae', 'background'] as const
export type PixelMeasure = (typeof pixelMeasures)[number]

export const pixels: PairFeature = {
  name: 'pixels',
  of: 'pair',
  load: async () => ({
    checksum: '1'.padEnd(12, '0'),
    compute: async pairs =>
      pairs.map(({ original, version, place }) =>
        Float32Array.of(
          psnr(original, version),
          ssim(original, version),
          orNaN(msSsim(original, version)),
          mae(original, version),
          backgroundOf(original, version, place),
        ),
      ),
  }),
}

const orNaN = (value: number | Unmeasured) => (isMeasured(value) ? value : Number.NaN)

/** The change outside of the mean face's mask at the place of the original's face. */
function backgroundOf(original: Image, version: Image, place: Similarity): number {
  const change = backgroundChange(original, version, maskAt(place, original))
  return isMeasured(change) ? change.mae : Number.NaN
}

const mask = faceMask(faceSize)

/** The mean face's mask at a place of a picture, 0 outside of the aligned face: [height, width], 1 wherever it is not 0. */
function maskAt(place: Similarity, { width, height }: Image): Uint8Array {
  const result = new Uint8Array(width * height)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const at = apply(place, { x: x + 0.5, y: y + 0.5 })
      const [column, row] = [Math.floor(at.x), Math.floor(at.y)]
      const isInside = column >= 0 && row >= 0 && column < faceSize && row < faceSize
      if (isInside && mask[row * faceSize + column]! > 0) result[i] = 1
    }
  return result
}

/** The means of what `pixels` compares, over the pictures of which there is a number. */
export function pixelMetric(
  name: string,
  group: Metric['group'],
  definitions: Partial<Record<PixelMeasure, Definition>>,
): Metric {
  return {
    name,
    group,
    definitions: Object.values(definitions),
    needs: () => [pixels],
    run: async (evalSet, version) => {
      const { rows, people } = await pooled(evalSet, pixels, version)
      const values = Object.entries(definitions).flatMap(([measure, definition]) => {
        const column = pixelMeasures.indexOf(measure as PixelMeasure)
        // Equal pictures have an infinite ratio, of which there is no mean.
        const each = rows.map(row => (Number.isFinite(row[column]) ? row[column] : undefined))
        const [found, of] = numbersOf(each, people)
        return found.length === 0 ? [] : [{ definition: definition.id, version, ...meanOf(found, of) }]
      })
      return { values }
    },
  }
}

// Pixel-wise similarity of a version and its original.

export const pixelQuality = pixelMetric('pixels', 'quality', {
  psnr: psnrDefinition,
  ssim: ssimDefinition,
  'ms-ssim': msSsimDefinition,
  mae: maeDefinition,
})

// How much changed that is not face.

/** Outside of the mean face's mask where the original's face is. */
export const background = pixelMetric('background', 'utility', { background: backgroundChangeDefinition })
