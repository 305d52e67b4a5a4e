/** The standard protocol of Labeled Faces in the Wild: thresholds chosen on nine folds, measured on the tenth. */

import type { LfwPair } from '../../data/lfw-pairs.ts'
import { UserError } from '../../util/errors.ts'
import { stack } from '../embeddings.ts'
import { embeddingOf, embeddingsOf } from '../features/networks.ts'
import type { Metric, Score } from '../metric.ts'
import { deviations95 } from './bootstrap.ts'
import type { Definition } from './definition.ts'
import { ascending, checkScores, type Scores } from './roc.ts'
import { dot } from './vectors.ts'

export const lfwDefinition: Definition = {
  id: 'lfw',
  name: 'LFW accuracy',
  unit: 'share, 0..1',
  text:
    'Pairs in consecutive folds, ten in LFW’s own list. On all folds but one, the first of the thresholds 0, 0.01, ..., ' +
    '3.99 on the squared distance of unit embeddings (2 - 2 cosine) with the most right answers is measured on the one; ' +
    'mean over the folds. A pair is accepted when its distance is below the threshold. Faces that are not found are like ' +
    'nobody (cosine 0). The interval is 1.96 standard errors of the mean over the folds on either side.',
  source: 'Huang et al., UMass Amherst 07-49, 2007; calculate_roc of facenet and insightface',
}

export const lfwTarDefinition: Definition = {
  id: 'lfw-tar',
  name: 'LFW TAR at FAR',
  unit: 'share, 0..1',
  text:
    'The same pairs and folds as of LFW accuracy. On all folds but one, the threshold of 0, 0.001, ..., 3.999 at which the ' +
    'false accept rate reaches the target, with straight lines between, is measured on the genuine pairs of the one; mean ' +
    'over the folds, and its interval as of LFW accuracy.',
  source: 'calculate_val of facenet and insightface',
}

/** Mean and (population) standard deviation over the folds, and each fold's. */
export interface OverFolds {
  readonly mean: number
  readonly deviation: number
  readonly folds: readonly number[]
}

export interface LfwResult {
  readonly accuracy: OverFolds
  /** Share of genuine pairs accepted at the thresholds for `far`. */
  readonly tar: OverFolds
  /** Share of impostor pairs that these thresholds accepted in the folds they were not chosen on. */
  readonly measuredFar: number
  readonly far: number
  readonly pairs: number
}

/**
 * The protocol on pairs in its own order: folds after one another, each with pairs of both kinds.
 * @param similarities cosine of each pair
 * @param same whether the pair is of one person
 */
export function lfwProtocol(
  similarities: Scores,
  same: readonly boolean[],
  { folds = 10, far = 1e-3 }: { folds?: number; far?: number } = {},
): LfwResult {
  checkScores('lfwProtocol', 'pair', similarities)
  const pairs = similarities.length
  if (same.length !== pairs) throw new Error(`lfwProtocol: expected ${pairs} answers, found ${same.length}`)
  const distances = Float64Array.from(similarities, cosine => Math.max(0, 2 - 2 * cosine))
  const bounds = foldBounds(pairs, folds)
  const results = Array.from({ length: folds }, (_, fold) => {
    const isTest = (i: number) => i >= bounds[fold]! && i < bounds[fold + 1]!
    const select = (test: boolean, genuine: boolean) =>
      ascending(Array.from(distances).filter((_, i) => isTest(i) === test && same[i] === genuine))
    const train = { genuine: select(false, true), impostor: select(false, false) }
    const test = { genuine: select(true, true), impostor: select(true, false) }
    for (const { genuine, impostor } of [train, test])
      if (genuine.length === 0 || impostor.length === 0)
        throw new Error('lfwProtocol: expected pairs of both kinds in every fold, found a fold without')
    const accuracyThreshold = mostAccurate(train.genuine, train.impostor)
    const farThreshold = thresholdReaching(train.impostor, far)
    return {
      accuracy: correct(test.genuine, test.impostor, accuracyThreshold) / (bounds[fold + 1]! - bounds[fold]!),
      tar: below(test.genuine, farThreshold) / test.genuine.length,
      far: below(test.impostor, farThreshold) / test.impostor.length,
    }
  })
  return {
    accuracy: overFolds(results.map(({ accuracy }) => accuracy)),
    tar: overFolds(results.map(({ tar }) => tar)),
    measuredFar: overFolds(results.map(({ far }) => far)).mean,
    far,
    pairs,
  }
}

/** Where each fold begins, and the end: the first `count % folds` have one pair more, as in scikit-learn's KFold. */
function foldBounds(count: number, folds: number): number[] {
  return Array.from(
    { length: folds + 1 },
    (_, fold) => fold * Math.floor(count / folds) + Math.min(fold, count % folds),
  )
}

/** How many of the sorted distances are below a threshold. */
function below(sorted: Float64Array, threshold: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < threshold) low = middle + 1
    else high = middle
  }
  return low
}

/** Right answers: genuine pairs accepted and impostors refused. */
function correct(genuine: Float64Array, impostor: Float64Array, threshold: number): number {
  return below(genuine, threshold) + impostor.length - below(impostor, threshold)
}

/** The first of 400 thresholds with the most right answers. */
function mostAccurate(genuine: Float64Array, impostor: Float64Array): number {
  const counts = Array.from({ length: 400 }, (_, i) => correct(genuine, impostor, i * 0.01))
  return counts.indexOf(Math.max(...counts)) * 0.01
}

/**
 * The threshold at which the share of impostors accepted is `far`, on straight lines between 4,000 thresholds; the
 * largest where several have that share, and 0 where none reaches it.
 */
function thresholdReaching(impostor: Float64Array, far: number): number {
  const rate = (i: number) => below(impostor, i * 0.001) / impostor.length
  const after = Array.from({ length: 4000 }, (_, i) => i).find(i => rate(i) > far)
  if (after === undefined) return rate(3999) >= far ? 3999 * 0.001 : 0
  const share = (far - rate(after - 1)) / (rate(after) - rate(after - 1))
  return (after - 1 + share) * 0.001
}

function overFolds(folds: number[]): OverFolds {
  const mean = folds.reduce((sum, value) => sum + value, 0) / folds.length
  const deviation = Math.sqrt(folds.reduce((sum, value) => sum + (value - mean) ** 2, 0) / folds.length)
  return { mean, deviation, folds }
}

// The standard protocol of LFW, on its own pairs.

/**
 * On originals alone, and on the original of the first and the version of the second picture of each pair.
 * @throws UserError when the pairs are of one fold, so that there are none to choose a threshold on
 */
export function lfw(pairs: readonly LfwPair[]): Metric {
  const folds = 1 + Math.max(...pairs.map(({ fold }) => fold))
  if (folds < 2) throw new UserError('expected pairs in ten folds, found one: take the pairs.txt of LFW’s view 2')
  return {
    name: 'lfw',
    group: 'identity',
    definitions: [lfwDefinition, lfwTarDefinition],
    needs: embeddingsOf,
    run: async (evalSet, version) => {
      const places = new Map(evalSet.cases.map(({ name }, i) => [name, i]))
      const pairPlaces = pairs.map(({ photos }) => photos.map(photo => places.get(photo.replace(/\.[^./]+$/, ''))))
      const missing = pairs.flatMap(({ photos }, i) => photos.filter((_, k) => pairPlaces[i]![k] === undefined))[0]
      if (missing !== undefined)
        return { values: [], notes: [`LFW's protocol needs every picture of its pairs: there is no ${missing}`] }
      const values: Score[] = []
      for (const recognizer of evalSet.recognizers)
        for (const alignment of ['original', 'own'] as const) {
          const originals = await evalSet.rows(embeddingOf(recognizer), 'original', { alignment })
          const versions = await evalSet.rows(embeddingOf(recognizer), version, { alignment })
          for (const [of, second] of [
            ['two originals', originals],
            [`original and ${version}`, versions],
          ] as const) {
            // A face that is not found is like nobody.
            const similarities = pairPlaces.map(([p, q]) => {
              const [a, b] = [originals[p!], second[q!]]
              return a && b ? dot(stack([a]), 0, stack([b]), 0) : 0
            })
            const { accuracy, tar, far } = lfwProtocol(
              similarities,
              pairs.map(({ same }) => same),
              { folds },
            )
            const about = { version, of, n: pairs.length, recognizer, role: evalSet.role(recognizer), alignment }
            values.push(
              { definition: lfwDefinition.id, ...about, ...foldScore(accuracy) },
              { definition: lfwTarDefinition.id, ...about, ...foldScore(tar), far },
            )
          }
        }
      return { values }
    },
  }
}

/** The mean, and 1.96 of its standard errors on either side. */
function foldScore({ mean, deviation, folds }: OverFolds): Pick<Score, 'value' | 'interval'> {
  const half = (deviations95 * deviation) / Math.sqrt(folds.length - 1)
  return { value: mean, interval: [mean - half, mean + half] }
}
