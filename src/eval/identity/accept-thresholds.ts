/** Where a recognizer draws its line in an evaluation. */
import type { AnyRecognizerName } from '../../faces/recognizers.ts'
import { oncePer } from '../../util/memoize.ts'
import { embedded } from '../embedded.ts'
import { similarities } from '../embeddings.ts'
import type { Alignment } from '../features/feature.ts'
import type { ThresholdSource } from '../metric.ts'
import { thresholdAtFar, tooFewImpostors } from '../metrics/tar-at-far.ts'
import { impostorPairs } from '../pairs.ts'
import type { Study } from '../study.ts'

/** False accept rates that verification is measured at. */
export const rates = [1e-2, 1e-3, 1e-4]

/** The rate that is in tables, and that other metrics accept faces at. */
export const usualRate = 1e-3

export interface AcceptThreshold {
  readonly far: number
  readonly threshold: number
  readonly thresholdFrom: ThresholdSource
}

const finders = new WeakMap<Study, ReturnType<typeof finder>>()

/**
 * The thresholds of a recognizer, for as many of `rates` as there are: the calibrated one where there is one of the rate, or
 * else that of pairs of different people among the originals, of which at least ten must be accepted.
 */
export function acceptThresholds(
  study: Study,
  recognizer: AnyRecognizerName,
  alignment: Alignment,
): Promise<readonly AcceptThreshold[]> {
  const known = finders.get(study) ?? finder(study)
  finders.set(study, known)
  return known[alignment](recognizer)
}

/** Finds a recognizer's thresholds for a study, once for each alignment. */
function finder(study: Study) {
  const by = (alignment: Alignment) => oncePer((recognizer: AnyRecognizerName) => find(study, recognizer, alignment))
  return { own: by('own'), original: by('original') } satisfies Record<Alignment, unknown>
}

/** The threshold for `usualRate`; none where it is not calibrated and there are too few originals. */
export async function usualThreshold(
  study: Study,
  recognizer: AnyRecognizerName,
  alignment: Alignment,
): Promise<AcceptThreshold | undefined> {
  return (await acceptThresholds(study, recognizer, alignment)).find(({ far }) => far === usualRate)
}

async function find(study: Study, recognizer: AnyRecognizerName, alignment: Alignment): Promise<AcceptThreshold[]> {
  const calibrated = study.calibration[recognizer]
  const { vectors, cases } = await embedded(study, recognizer, 'original', alignment)
  const pairs = impostorPairs(cases, 'same')
  const scores = similarities(vectors, vectors, pairs)
  return rates.flatMap((far): AcceptThreshold[] => {
    if (calibrated?.far === far) return [{ far, threshold: calibrated.threshold, thresholdFrom: 'calibration' }]
    if (tooFewImpostors(scores.length, far)) return []
    return [{ far, threshold: thresholdAtFar(scores, far), thresholdFrom: 'originals' }]
  })
}
