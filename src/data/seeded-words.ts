import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/**
 * Words 0..2^32-1 of a public seed, for what must be repeatable and hides nothing: training, data sets, evaluations. A
 * stream has 2^32 states, which can be searched, and stays what it was in version 0.1: splits, generated data sets,
 * checkpoints and run records depend on it. For secrets there is `keyedWords`.
 */
export function seededWords(seed: number, purpose: readonly (string | number)[]): () => number {
  const generator = xoroshiro128plus(hash(`${seed}/${purpose.join('/')}`))
  return () => generator.next() >>> 0
}

/** FNV-1a over UTF-16 units, finished by MurmurHash3's mixer: a 32-bit state from a seed and a purpose. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
