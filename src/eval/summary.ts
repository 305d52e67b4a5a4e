/** What the measurements of many faces say together. */
import type { Comparison, FaceMeasurement, Variant } from './face-measurement.ts'
import { type Proportion, proportion } from './metrics/proportion.ts'
import type { RecognizerThreshold } from './thresholds.ts'

/** How often a recognizer takes the two faces of a comparison for one person. */
export interface Verification {
  readonly accepted: Proportion
  readonly meanCosine: number
}

export interface RecognizerSummary {
  readonly recognizer: string
  readonly threshold: number
  readonly far: number
  /** Clean photos of one person, as a yardstick: from the calibration, on other pairs than the rest. */
  readonly clean: { readonly rate: number; readonly interval: readonly [number, number]; readonly pairs: number }
  readonly comparisons: Partial<Record<Comparison, Verification>>
}

export interface Summary {
  readonly faces: number
  /** The recognizer whose gradient guided: what it says of the result is no evidence. */
  readonly whiteBox: readonly RecognizerSummary[]
  /** Recognizers that had no part in making the pictures. */
  readonly blackBox: readonly RecognizerSummary[]
  /** Share of pictures in which the detector finds a face. */
  readonly detection: Partial<Record<Variant | 'original', Proportion>>
  /** Means against the original, decibels. */
  readonly psnr: Partial<Record<Variant, number>>
  readonly ssim: Partial<Record<Variant, number>>
  /** Mean seconds a face, by part of the work. */
  readonly seconds: Readonly<Record<string, number>>
}

/**
 * @param guide name of the recognizer that guided
 * @param thresholds by name of the recognizer
 */
export function summarise(
  faces: readonly FaceMeasurement[],
  guide: string,
  thresholds: Readonly<Record<string, RecognizerThreshold>>,
): Summary {
  const recognizers = Object.entries(thresholds).map(([name, threshold]) => recognizerSummary(faces, name, threshold))
  return {
    faces: faces.length,
    whiteBox: recognizers.filter(({ recognizer }) => recognizer === guide),
    blackBox: recognizers.filter(({ recognizer }) => recognizer !== guide),
    detection: gather(faces, 'detection', scores =>
      proportion(scores.filter(score => score > 0).length, scores.length),
    ),
    psnr: gather(faces, 'psnr', mean),
    ssim: gather(faces, 'ssim', mean),
    seconds: gather(
      faces.map(({ seconds }) => ({
        seconds: Object.fromEntries(Object.entries(seconds).map(([part, value]) => [part, [value]])),
      })),
      'seconds',
      mean,
    ) as Record<string, number>,
  }
}

function recognizerSummary(
  faces: readonly FaceMeasurement[],
  recognizer: string,
  { threshold, far, tar, tarInterval, genuinePairs }: RecognizerThreshold,
): RecognizerSummary {
  const cosines = faces.map(face => ({
    cosines: Object.fromEntries(
      Object.entries(face.cosines).map(([comparison, of]) => [comparison, of[recognizer] ?? []]),
    ),
  }))
  return {
    recognizer,
    threshold,
    far,
    clean: { rate: tar, interval: tarInterval, pairs: genuinePairs },
    comparisons: gather(cosines, 'cosines', values => ({
      accepted: proportion(values.filter(value => value > threshold).length, values.length),
      meanCosine: mean(values),
    })),
  }
}

/** `reduce` of the values of all faces under each key of a field; keys without values are left out. */
function gather<Field extends string, T>(
  faces: readonly { readonly [F in Field]: Partial<Record<string, readonly number[]>> }[],
  field: Field,
  reduce: (values: number[]) => T,
): Record<string, T> {
  const keys = [...new Set(faces.flatMap(face => Object.keys(face[field])))]
  const values = keys.map(key => [key, faces.flatMap(face => face[field][key] ?? [])] as const)
  return Object.fromEntries(values.filter(([, found]) => found.length > 0).map(([key, found]) => [key, reduce(found)]))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
