/** Where a recognizer draws the line between one person and two, measured on clean faces. */
import type { FaceStore } from '../data/face-store.ts'
import type { RecognizerThreshold } from '../faces/thresholds.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { UserError } from '../util/errors.ts'
import { allSimilarities, embedStore, similarities } from './embeddings.ts'
import { acceptRate, thresholdAtFar, tooFewImpostors } from './metrics/tar-at-far.ts'
import { genuineCap, genuinePairs, onePerIdentity } from './pairs.ts'

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
