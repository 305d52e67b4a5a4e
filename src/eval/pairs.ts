/** Which pairs of faces verification is measured on. */
import type { FaceEntry } from '../data/face-store.ts'
import { RandomStream } from '../data/random.ts'

/** Numbers of two faces of a store. */
export type Pair = readonly [number, number]

/** The numbers of each identity's faces, in the store's order. */
export function byIdentity(entries: readonly FaceEntry[]): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  for (const [i, { identity }] of entries.entries()) {
    const group = groups.get(identity)
    if (group) group.push(i)
    else groups.set(identity, [i])
  }
  return groups
}

/**
 * Pairs of faces of one person: all of them, or `cap` drawn at random where a person has more, so that a few people with
 * hundreds of photos do not decide the result. What is drawn of a person depends on the seed and the person alone.
 */
export function genuinePairs(entries: readonly FaceEntry[], cap: number, seed = 0): Pair[] {
  return [...byIdentity(entries)].flatMap(([identity, faces]) => {
    const all = faces.flatMap((a, i) => faces.slice(i + 1).map((b): Pair => [a, b]))
    if (all.length <= cap) return all
    const order = new RandomStream(seed, 'genuine pairs', identity).permutation(all.length)
    return Array.from(order.subarray(0, cap), i => all[i]!)
  })
}

/** One face of each person, drawn at random: what is drawn depends on the seed and the person alone. */
export function onePerIdentity(entries: readonly FaceEntry[], seed = 0): number[] {
  return [...byIdentity(entries)].map(
    ([identity, faces]) => faces[new RandomStream(seed, 'one a person', identity).integer(faces.length)]!,
  )
}
