/** What a treatment of one picture of a pair does to verification. */

import type { AnyRecognizerName } from '../../faces/recognizers.ts'
import { type Embedded, embedded, embeddedPairs, similarities } from '../embeddings.ts'
import type { EvalSet } from '../eval-set.ts'
import type { Alignment } from '../features/feature.ts'
import { embeddingsOf } from '../features/networks.ts'
import { type AcceptThreshold, acceptThresholds, usualRate } from '../identity/accept-thresholds.ts'
import { acceptedShare, meanOf } from '../intervals.ts'
import type { Histogram, Metric, MetricResult, RocPlot, Score } from '../metric.ts'
import { genuineCap, genuinePairs, impostorPairs, type Pair } from '../pairs.ts'
import type { Definition } from './definition.ts'
import { auc, aucDefinition, eerDefinition, equalErrorRate, roc } from './roc.ts'
import { tarAtFarDefinition } from './tar-at-far.ts'

export const acceptChangeDefinition: Definition = {
  id: 'accept-change',
  name: 'Change of the true accept rate',
  unit: 'share, -1..1; in tables points, hundredths of it',
  text:
    'The true accept rate of pairs of two photos of one person when one of the two was treated, as by the autoencoder, minus ' +
    'that of the same pairs untreated; both at one threshold. Its interval is of the difference pair by pair. Where no pair ' +
    'changed sides it reaches as far as Wilson’s of a share of none.',
  source: 'ISO/IEC 19795-1 for the rates; the difference of paired proportions',
}

export const cosineDefinition: Definition = {
  id: 'cosine',
  name: 'Cosine similarity',
  unit: '-1..1',
  text: 'Cosine of the angle between the embeddings of two faces by a named recognizer; of many pairs, their mean.',
  source: 'the dot product of unit embeddings',
}

// Do recognizers take two pictures for one person?

/** Similarities of pairs, and who is in each. */
interface Scored {
  readonly of: string
  readonly scores: Float64Array
  readonly people: readonly (readonly string[])[]
}

/**
 * Similarities of the original and a version of one picture; of two versions of different people; and, where there are
 * several pictures of a person, of the original of one and the version of another, of both as versions, and of both as
 * originals. Accepted shares at each threshold; ROC, AUC and EER of the first kind against originals and versions of
 * different people.
 */
export const verification: Metric = {
  name: 'verification',
  group: 'identity',
  definitions: [cosineDefinition, tarAtFarDefinition, eerDefinition, aucDefinition],
  needs: embeddingsOf,
  run: async (evalSet, version) => {
    const findings: MetricResult[] = []
    for (const recognizer of evalSet.recognizers)
      for (const alignment of ['original', 'own'] as const)
        findings.push(await verify(evalSet, version, recognizer, alignment))
    return {
      values: findings.flatMap(({ values }) => values),
      plots: findings.flatMap(({ plots = [] }) => plots),
      notes: [...new Set(findings.flatMap(({ notes = [] }) => notes))],
    }
  },
}

async function verify(
  evalSet: EvalSet,
  version: string,
  recognizer: AnyRecognizerName,
  alignment: Alignment,
): Promise<MetricResult> {
  const pairs = await embeddedPairs(evalSet, recognizer, version, alignment)
  if (pairs.original.cases.length === 0)
    return { values: [], notes: [`${version}: no picture has a face in it by its ${alignment} landmarks`] }
  const originals = await embedded(evalSet, recognizer, 'original', alignment)
  const versions = await embedded(evalSet, recognizer, version, alignment)
  const thresholds = await acceptThresholds(evalSet, recognizer, alignment)
  const about = { version, recognizer, role: evalSet.role(recognizer), alignment } as const

  const same = score(`original and ${version}`, pairs.original, pairs.version, diagonal(pairs.original))
  const others = score(
    `original and ${version} of two people`,
    pairs.original,
    pairs.version,
    impostorPairs(pairs.original.cases, 'different'),
  )
  const collisions = score(`${version} of two people`, versions, versions, impostorPairs(versions.cases, 'same', 1e5))
  const values: Score[] = [same, collisions, ...otherPhotos(version, originals, versions)].flatMap(scored =>
    scored.scores.length === 0 ? [] : valuesOf(scored, thresholds, about),
  )
  if (others.scores.length === 0) return { values }
  const curve = roc(same.scores, others.scores)
  const n = same.scores.length
  values.push(
    { definition: eerDefinition.id, of: same.of, value: equalErrorRate(curve).rate, n, ...about },
    { definition: aucDefinition.id, of: same.of, value: auc(curve), n, ...about },
  )
  if (alignment === 'own') return { values }
  const threshold = thresholds.find(({ far }) => far === usualRate)?.threshold
  const histogram: Histogram = {
    kind: 'histogram',
    title: `${recognizer} (${about.role})`,
    ...(threshold !== undefined && { threshold }),
    series: [
      { label: 'one person', scores: same.scores },
      { label: 'two people', scores: others.scores },
    ],
  }
  const plot: RocPlot = {
    kind: 'roc',
    title: 'Accepted pairs of one person over accepted pairs of two',
    series: [{ label: `${recognizer} (${about.role})`, ...thinned(curve) }],
  }
  return { values, plots: [histogram, plot] }
}

/** Pairs of different pictures of one person; empty where everybody has one picture. */
function otherPhotos(version: string, originals: Embedded, versions: Embedded): Scored[] {
  const names = new Map(versions.cases.map(({ name }, i) => [name, i]))
  const clean = genuinePairs(originals.cases, genuineCap)
  const crossed = clean.flatMap(([i, j]): Pair[] => {
    const other = names.get(originals.cases[j]!.name)
    return other === undefined ? [] : [[i, other]]
  })
  return [
    score('two originals of one person', originals, originals, clean),
    score(`original and ${version} of another picture of the person`, originals, versions, crossed),
    score(`${version} of two pictures of one person`, versions, versions, genuinePairs(versions.cases, genuineCap)),
  ]
}

function score(of: string, a: Embedded, b: Embedded, pairs: readonly Pair[]): Scored {
  return {
    of,
    scores: similarities(a.vectors, b.vectors, pairs),
    people: pairs.map(([i, j]) => [a.identities[i]!, b.identities[j]!]),
  }
}

const diagonal = ({ cases }: Embedded): Pair[] => cases.map((_, i) => [i, i])

/** Mean similarity and accepted shares, with intervals over people. */
function valuesOf(
  { of, scores, people }: Scored,
  thresholds: readonly AcceptThreshold[],
  about: Pick<Score, 'version' | 'recognizer' | 'role' | 'alignment'>,
): Score[] {
  return [
    { definition: cosineDefinition.id, of, ...meanOf(scores, people), ...about },
    ...thresholds.map(
      (threshold): Score => ({
        definition: tarAtFarDefinition.id,
        of,
        ...acceptedShare(scores, threshold.threshold, people),
        ...about,
        ...threshold,
      }),
    ),
  ]
}

/** At most about 200 points of a curve, evenly along it. */
function thinned({ far, tar }: { far: Float64Array; tar: Float64Array }) {
  const step = Math.max(1, Math.floor(far.length / 200))
  const kept = Uint32Array.from(far.keys()).filter(i => i % step === 0 || i === far.length - 1)
  return { far: Array.from(kept, i => far[i]!), tar: Array.from(kept, i => tar[i]!) }
}
