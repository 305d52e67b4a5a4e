/** Where a recognizer draws its line in an evaluation. */

import type { FaceStore } from '../../data/face-store.ts'
import type { AnyRecognizerName, RecognizerThreshold } from '../../faces/recognizers.ts'
import type { Recognizer } from '../../models/recognizers/recognizer.ts'
import { UserError } from '../../util/errors.ts'
import { oncePer } from '../../util/memoize.ts'
import { allSimilarities, embedded, embedStore, similarities } from '../embeddings.ts'
import type { EvalSet } from '../eval-set.ts'
import type { Alignment } from '../features/feature.ts'
import type { ThresholdSource } from '../metric.ts'
import { acceptRate, thresholdAtFar, tooFewImpostors } from '../metrics/tar-at-far.ts'
import { genuineCap, genuinePairs, impostorPairs, onePerIdentity } from '../pairs.ts'

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

// Where a recognizer draws the line between one person and two, measured on clean faces.

/** How many pairs `evaluate thresholds` compares. */
export interface PairCounts {
  readonly genuine: number
  readonly impostor: number
}

/**
 * The threshold at a false accept rate and the true accept rate there. Genuine pairs: at most `genuineCap` a person;
 * impostor pairs: one photo of each person against those of all others.
 */
export async function calibrate(
  recognizer: Recognizer,
  store: FaceStore,
  far: number,
  onProgress?: (done: number) => void,
): Promise<Omit<RecognizerThreshold, 'made'>> {
  const { genuine, impostor } = checkPairs(store, far)
  const embeddings = await embedStore(recognizer, store, onProgress)
  const impostors = allSimilarities(embeddings, onePerIdentity(store.entries))
  const threshold = thresholdAtFar(impostors, far)
  const pairs = genuinePairs(store.entries, genuineCap)
  const { rate, interval } = acceptRate(similarities(embeddings, embeddings, pairs), threshold)
  return { threshold, far, tar: rate, tarInterval: [...interval], genuinePairs: genuine, impostorPairs: impostor }
}

/** @throws UserError when the store has too few pairs for this false accept rate */
export function checkPairs(store: FaceStore, far: number): PairCounts {
  if (!(far > 0 && far < 1)) throw new UserError(`expected a false accept rate between 0 and 1, found ${far}`)
  const people = onePerIdentity(store.entries).length
  const impostor = (people * (people - 1)) / 2
  const genuine = genuinePairs(store.entries, genuineCap).length
  if (genuine === 0) throw new UserError('expected two photos of some person, found one of each: take other faces')
  const short = tooFewImpostors(impostor, far)
  if (short) throw new UserError(`${short.unmeasured} pairs of ${people} people: take more people or a larger --far`)
  return { genuine, impostor }
}
