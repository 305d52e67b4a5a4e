/** What the demonstration measures: metrics.json, and what the report's tables are made of. */
import { guidesOf, type Recipe } from '../config/recipe.ts'
import type { Box } from '../faces/box.ts'
import type { RecognizerName } from '../faces/recognizers.ts'
import type { Thresholds } from '../faces/thresholds.ts'

export const versionKinds = ['anonymized', 'hidden', 'recovered', 'regenerated', 'wrongKey'] as const
export type VersionKind = (typeof versionKinds)[number]

/** One version of a face, against the original. */
export interface MeasuredVersion {
  readonly kind: VersionKind
  /** What it is called: 'anonymized 2'. */
  readonly title: string
  /** Cosine similarity under each recognizer, of the face as the resulting photo shows it. */
  readonly similarity: Readonly<Record<RecognizerName, number>>
  /** Whether the detector still finds a face there. */
  readonly detected: boolean
  /** Of what a key gave back, in decibels over the whole aligned face. */
  readonly psnr?: number
}

export interface MeasuredFace {
  readonly photo: string
  /** Its number in the photo, from 0. */
  readonly face: number
  readonly box: Box
  /** Seconds of each part of the work. */
  readonly seconds: Readonly<Record<string, number>>
  readonly versions: readonly MeasuredVersion[]
}

/** What metrics.json holds. */
export interface DemoMetrics {
  readonly model: { readonly name: string; readonly sha256: string }
  readonly backend: string
  /** Processes that worked side by side. */
  readonly jobs: number
  readonly recipes: { readonly anonymize: Recipe; readonly hide: Recipe }
  readonly thresholds: Thresholds
  /** Faces meant to be done; more than there are in a report that is not finished. */
  readonly planned: number
  /** Seconds from the start of the program until the first anonymized face was on disk with its key. */
  readonly firstProtected: number
  readonly faces: readonly MeasuredFace[]
}

/** The recognizers that guided, white boxes, and those that had no part in making the pictures. */
export interface Roles {
  readonly guides: readonly RecognizerName[]
  readonly heldOut: readonly RecognizerName[]
}

export function rolesOf({ thresholds, recipes }: Pick<DemoMetrics, 'thresholds' | 'recipes'>): Roles {
  const all = Object.keys(thresholds) as RecognizerName[]
  const guiding: readonly string[] = Object.values(recipes).flatMap(guidesOf)
  return {
    guides: all.filter(name => guiding.includes(name)),
    heldOut: all.filter(name => !guiding.includes(name)),
  }
}

/** Whether a kind of version is to be accepted as the person. */
export const isMeantToBeAccepted: Readonly<Record<VersionKind, boolean>> = {
  anonymized: false,
  hidden: true,
  recovered: true,
  regenerated: true,
  wrongKey: false,
}

/** All seconds of work on a face. */
export function secondsOf({ seconds }: Pick<MeasuredFace, 'seconds'>): number {
  return Object.values(seconds).reduce((a, b) => a + b, 0)
}
