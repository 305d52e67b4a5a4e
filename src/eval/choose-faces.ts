import type { FaceEntry } from '../data/face-store.ts'
import { UserError } from '../util/errors.ts'
import { RandomStream } from '../util/random.ts'
import { byIdentity, onePerIdentity } from './pairs.ts'

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
