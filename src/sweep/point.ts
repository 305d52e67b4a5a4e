/** One point of a sweep: a recipe, and what it is measured on. Everything in it is plain JSON, so that it can travel. */
import { createHash } from 'node:crypto'
import { loadModelConfig } from '../config/model.ts'
import type { Recipe } from '../config/recipe.ts'
import type { RunRecord } from '../pipeline/run-record.ts'

/** Faces of a store, chosen by a seed. */
export interface PointFaces {
  /** The folder of the store; elsewhere it may lie elsewhere. */
  readonly from: string
  /** Of its faces.u8. */
  readonly sha256: string
  readonly count: number
  readonly seed: number
}

export interface PointTask {
  readonly recipe: Recipe
  readonly faces: PointFaces
  /** Whether recovery by the right and a wrong key is measured, too. */
  readonly recovery: boolean
}

/** One number that was measured. */
export interface Measure {
  /** Such as 'accepted.faceres'. */
  readonly name: string
  readonly value: number
  /** How many cases it is of. */
  readonly n: number
  /** 95 %. */
  readonly interval?: readonly [number, number]
  /** Whether it is the verdict of the recognizer that guided (white box) or of one that had no part (black box). */
  readonly role?: 'guide' | 'judge'
}

/** What became of one face. */
export interface PointFace {
  readonly id: string
  /** By the names of measures, of each version or pair of versions. */
  readonly scores: Readonly<Record<string, readonly number[]>>
  /** Its protected versions as PNG in base64. */
  readonly pictures: readonly string[]
}

export interface PointResult {
  readonly measures: readonly Measure[]
  readonly faces: readonly PointFace[]
  readonly software: RunRecord['software']
  readonly weights: RunRecord['weights']
}

/**
 * The name of a point: a hash of all that its numbers depend on. The folder of the faces and the backend are not among it.
 * @throws UserError when there is no such model
 */
export async function pointId({ recipe, faces, recovery }: PointTask): Promise<string> {
  const { backend: _, model, ...settings } = recipe
  const { sha256, count, seed } = faces
  const identity = { settings, model: await loadModelConfig(model), faces: { sha256, count, seed }, recovery }
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 12)
}

/**
 * Which of some points no other one beats: is at least as good in both and better in one. Equal points are all kept.
 * @param points two numbers each, higher is better
 * @returns their places, from the best first number to the best second
 */
export function paretoFront(points: readonly (readonly [number, number])[]): number[] {
  const beats = ([a, b]: readonly [number, number], [c, d]: readonly [number, number]) =>
    a >= c && b >= d && (a > c || b > d)
  return points
    .flatMap((point, i) => (points.some(other => beats(other, point)) ? [] : [i]))
    .sort((i, j) => points[j]![0] - points[i]![0] || points[j]![1] - points[i]![1])
}
