/**
 * One shape for everything that is measured: a metric names the features it needs, which are computed once for all
 * metrics and kept, and turns them into values. An attack is a metric too.
 */
import type { EvalSet } from './eval-set.ts'
import type { Alignment, Feature } from './features/feature.ts'
import type { Definition } from './metrics/definition.ts'

export type Group = 'identity' | 'quality' | 'utility' | 'recovery' | 'diversity' | 'attacks'

/** On which pairs of different people a threshold was found: those of `evaluate thresholds`, or of the originals at hand. */
export type ThresholdSource = 'calibration' | 'originals'

/** One number, and everything that it takes to say it again. */
export interface Score {
  /** Id of what it means, one of its metric's definitions. */
  readonly definition: string
  /** Which pictures it is of: a version's name, such as 'protected'. */
  readonly version: string
  /** What is compared with what, or counted, where a definition serves several. */
  readonly of?: string
  readonly value: number
  /** How many cases: pairs, pictures or people, as the definition says. */
  readonly n: number
  /** 95 %. */
  readonly interval?: readonly [number, number]
  readonly recognizer?: string
  /** Whether the pictures were made by following this recognizer's gradient (white box) or not (black box). */
  readonly role?: 'guide' | 'judge'
  readonly alignment?: Alignment
  /** The threshold, the false accept rate that it is for, and the pairs that it was found on. */
  readonly threshold?: number
  readonly far?: number
  readonly thresholdFrom?: ThresholdSource
  /** A network that is no recognizer: a detector, or the one whose features are compared. */
  readonly network?: string
}

/** Scores of several kinds of pairs, for the report. */
export interface Histogram {
  readonly kind: 'histogram'
  readonly title: string
  readonly threshold?: number
  readonly series: readonly { readonly label: string; readonly scores: ArrayLike<number> }[]
}

/** True accept rates over false ones, for the report. */
export interface RocPlot {
  readonly kind: 'roc'
  readonly title: string
  readonly series: readonly {
    readonly label: string
    readonly far: ArrayLike<number>
    readonly tar: ArrayLike<number>
  }[]
}

/** What a metric found of one version. */
export interface MetricResult {
  readonly values: readonly Score[]
  readonly plots?: readonly (Histogram | RocPlot)[]
  /** Why something is missing that a reader would look for. */
  readonly notes?: readonly string[]
}

export interface Metric {
  readonly name: string
  readonly group: Group
  readonly definitions: readonly Definition[]
  /** What must be computed before. */
  needs(evalSet: EvalSet): readonly Feature[]
  /** Measures one version of the pictures against the originals. */
  run(evalSet: EvalSet, version: string): Promise<MetricResult>
}

/** Networks that are no recognizers and that an energy may follow: what they say then is a white box's. */
export const guidingNetworks = ['landmarks', 'expression', 'age-gender', 'iris'] as const
export type GuidingNetwork = (typeof guidingNetworks)[number]
