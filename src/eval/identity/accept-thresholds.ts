/** Where a recognizer draws its line in an evaluation. */
import type { AnyRecognizerName } from '../../faces/recognizers.ts'
import { oncePer } from '../../util/memoize.ts'
import { embedded } from '../embedded.ts'
import { similarities } from '../embeddings.ts'
import type { EvalSet } from '../eval-set.ts'
import type { Alignment } from '../features/feature.ts'
import type { ThresholdSource } from '../metric.ts'
import { thresholdAtFar, tooFewImpostors } from '../metrics/tar-at-far.ts'
import { impostorPairs } from '../pairs.ts'

/** False accept rates that verification is measured at. */
export const rates = [1e-2, 1e-3, 1e-4]

/** The rate that is in tables, and that other metrics accept faces at. */
export const usualRate = 1e-3

export interface AcceptThreshold {
  readonly far: number
  readonly threshold: number
  readonly thresholdFrom: ThresholdSource
}

const finders = new WeakMap<EvalSet, ReturnType<typeof finder>>()

/**
 * The thresholds of a recognizer, for as many of `rates` as there are: the calibrated one where there is one of the rate, or
 * else that of pairs of different people among the originals, of which at least ten must be accepted.
 */
export function acceptThresholds(
  evalSet: EvalSet,
  recognizer: AnyRecognizerName,
  alignment: Alignment,
): Promise<readonly AcceptThreshold[]> {
  const known = finders.get(evalSet) ?? finder(evalSet)
  finders.set(evalSet, known)
  return known[alignment](recognizer)
}

/** Finds a recognizer's thresholds for an evaluation set, once for each alignment. */
function finder(evalSet: EvalSet) {
  const by = (alignment: Alignment) => oncePer((recognizer: AnyRecognizerName) => find(evalSet, recognizer, alignment))
  return { own: by('own'), original: by('original') } satisfies Record<Alignment, unknown>
}

/** The threshold for `usualRate`; none where it is not calibrated and there are too few originals. */
export async function usualThreshold(
  evalSet: EvalSet,
  recognizer: AnyRecognizerName,
  alignment: Alignment,
): Promise<AcceptThreshold | undefined> {
  return (await acceptThresholds(evalSet, recognizer, alignment)).find(({ far }) => far === usualRate)
}

async function find(evalSet: EvalSet, recognizer: AnyRecognizerName, alignment: Alignment): Promise<AcceptThreshold[]> {
  const calibrated = evalSet.calibration[recognizer]
  const { vectors, cases } = await embedded(evalSet, recognizer, 'original', alignment)
  const pairs = impostorPairs(cases, 'same')
  const scores = similarities(vectors, vectors, pairs)
  return rates.flatMap((far): AcceptThreshold[] => {
    if (calibrated?.far === far) return [{ far, threshold: calibrated.threshold, thresholdFrom: 'calibration' }]
    if (tooFewImpostors(scores.length, far)) return []
    return [{ far, threshold: thresholdAtFar(scores, far), thresholdFrom: 'originals' }]
  })
}
