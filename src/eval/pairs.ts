/** Which pairs of faces verification is measured on. */

import type { FaceEntry } from '../data/face-store.ts'
import { UserError } from '../util/errors.ts'
import { RandomStream } from '../util/random.ts'

/** Numbers of two faces. */
export type Pair = readonly [number, number]

/** Most genuine pairs of one person that anything is measured on. */
export const genuineCap = 10

/** A face of known identity. */
export interface Known {
  readonly identity: string
}

/** The numbers of each identity's faces, in their order. */
export function byIdentity(entries: readonly Known[]): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  for (const [i, { identity }] of entries.entries()) {
    const group = groups.get(identity)
    if (group) group.push(i)
    else groups.set(identity, [i])
  }
  return groups
}

/**
 * Pairs of faces of one person: all of them, or `cap` sampled at random for a person with more, so that a few people with
 * hundreds of photos do not dominate the result. A person's sample depends only on the seed and the person.
 */
export function genuinePairs(entries: readonly Known[], cap: number, seed = 0): Pair[] {
  return [...byIdentity(entries)].flatMap(([identity, faces]) => {
    const all = faces.flatMap((a, i) => faces.slice(i + 1).map((b): Pair => [a, b]))
    if (all.length <= cap) return all
    const order = new RandomStream(seed, 'genuine pairs', identity).permutation(all.length)
    return Array.from(order.subarray(0, cap), i => all[i]!)
  })
}

/** One face of each person, sampled at random: the choice depends only on the seed and the person. */
export function onePerIdentity(entries: readonly Known[], seed = 0): number[] {
  return [...byIdentity(entries)].map(
    ([identity, faces]) => faces[new RandomStream(seed, 'one a person', identity).integer(faces.length)]!,
  )
}

/**
 * Pairs of faces of different people: all of them, or an even choice of about `limit`, in which every face takes part equally
 * often.
 * @param sides whether the first and the second of a pair are of one kind, so that each pair counts once, or of two, as an
 *   original and a version, so that it counts in both orders
 */
export function impostorPairs(faces: readonly Known[], sides: 'same' | 'different', limit = 1e6): Pair[] {
  const n = faces.length
  const most = sides === 'same' ? Math.floor(n / 2) : n - 1
  const offsets = Math.max(1, Math.min(most, Math.floor(limit / n)))
  const pairs: Pair[] = []
  for (let offset = 1; offset <= offsets; offset++) {
    // Half way around, a pair meets itself.
    const count = sides === 'same' && 2 * offset === n ? offset : n
    for (let i = 0; i < count; i++) {
      const j = (i + offset) % n
      if (faces[i]!.identity !== faces[j]!.identity) pairs.push([i, j])
    }
  }
  return pairs
}

/** Numbers of one face each of `count` different people, those first who have as many photos; otherwise as chooseFaces. */
export function choosePeople(entries: readonly FaceEntry[], count: number, seed: number, photos = 1): number[] {
  const first = onePerIdentity(entries, seed)
  if (first.length < count)
    throw new UserError(`expected ${count} different people, found ${first.length}: ask for fewer`)
  const rank = (face: number) => new RandomStream(seed, 'chosen people', entries[face]!.identity).uniform()
  const ranks = new Map(first.map(face => [face, rank(face)]))
  const people = byIdentity(entries)
  const hasFew = (face: number) => people.get(entries[face]!.identity)!.length < photos
  return first.sort((a, b) => Number(hasFew(a)) - Number(hasFew(b)) || ranks.get(a)! - ranks.get(b)!).slice(0, count)
}

/**
 * Numbers of faces of `count` different people, up to `photos` of each, chosen by the seed and the people's names alone: more
 * people begin with the same ones. People who have as many photos come first.
 * @throws UserError when there are fewer people
 */
export function chooseFaces(entries: readonly FaceEntry[], count: number, seed: number, photos = 1): number[] {
  const people = byIdentity(entries)
  return choosePeople(entries, count, seed, photos).flatMap(face => {
    const others = people.get(entries[face]!.identity)!.filter(other => other !== face)
    const order = new RandomStream(seed, 'more photos', entries[face]!.identity).permutation(others.length)
    return [face, ...Array.from(order.subarray(0, photos - 1), i => others[i]!)]
  })
}
