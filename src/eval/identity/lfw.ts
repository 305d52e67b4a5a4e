/** The standard protocol of LFW, on its own pairs. */
import type { LfwPair } from '../../data/lfw-pairs.ts'
import { UserError } from '../../util/errors.ts'
import { stack } from '../embedded.ts'
import { embeddingOf, embeddingsOf } from '../features/networks.ts'
import type { Metric, Score } from '../metric.ts'
import { lfwDefinition, lfwProtocol, lfwTarDefinition, type OverFolds } from '../metrics/lfw.ts'
import { deviations95 } from '../metrics/proportion.ts'
import { dot } from '../metrics/vectors.ts'

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
              { definition: lfwDefinition.id, ...about, ...overFolds(accuracy) },
              { definition: lfwTarDefinition.id, ...about, ...overFolds(tar), far },
            )
          }
        }
      return { values }
    },
  }
}

/** The mean, and 1.96 of its standard errors on either side. */
function overFolds({ mean, deviation, folds }: OverFolds): Pick<Score, 'value' | 'interval'> {
  const half = (deviations95 * deviation) / Math.sqrt(folds.length - 1)
  return { value: mean, interval: [mean - half, mean + half] }
}
