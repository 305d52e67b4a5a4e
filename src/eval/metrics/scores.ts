/** Similarity scores of pairs of faces: of one person (genuine) and of two (impostor). */
export type Scores = Float32Array | Float64Array | readonly number[]

/** Scores in float64 in ascending order. */
export function ascending(scores: Scores): Float64Array {
  return Float64Array.from(scores).sort()
}

/** @throws Error when there is none, or one is not a number */
export function checkScores(caller: string, kind: string, scores: Scores): void {
  if (scores.length === 0) throw new Error(`${caller}: expected ${kind} scores, found none`)
  for (const score of scores) if (Number.isNaN(score)) throw new Error(`${caller}: a ${kind} score is not a number`)
}
