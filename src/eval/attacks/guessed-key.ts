/** Attack: a key guessed from the published picture alone. */
import { embeddedPairs } from '../embeddings.ts'
import { embeddingsOf } from '../features/networks.ts'
import { usualThreshold } from '../identity/accept-thresholds.ts'
import { acceptedShare } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import type { Definition } from '../metrics/definition.ts'
import { dot } from '../metrics/vectors.ts'

const guessedKeyDefinition: Definition = {
  id: 'guessed-key',
  name: 'Guessed key',
  unit: 'share, 0..1',
  text:
    'Share of the pictures that a recognizer takes for the person when they are recovered with a key that was guessed from ' +
    'the published picture: an attacker who has the model inverts that picture as if it were the original. Compare it ' +
    'with the share of protected pictures that are accepted: a greater one says that the picture gives the key away.',
  source: 'this project',
}

export const guessedKey: Metric = {
  name: 'guessed-key',
  group: 'attacks',
  definitions: [guessedKeyDefinition],
  needs: embeddingsOf,
  run: async (evalSet, version) => {
    const values: Score[] = []
    for (const recognizer of evalSet.recognizers) {
      const threshold = await usualThreshold(evalSet, recognizer, 'original')
      const pairs = await embeddedPairs(evalSet, recognizer, version, 'original')
      if (!threshold || pairs.original.cases.length === 0) continue
      const similarities = pairs.original.cases.map((_, i) => dot(pairs.original.vectors, i, pairs.version.vectors, i))
      values.push({
        definition: guessedKeyDefinition.id,
        version,
        ...acceptedShare(
          similarities,
          threshold.threshold,
          pairs.original.identities.map(identity => [identity]),
        ),
        recognizer,
        role: evalSet.role(recognizer),
        alignment: 'original',
        ...threshold,
      })
    }
    return { values }
  },
}
