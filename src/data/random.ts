import * as tf from '@tensorflow/tfjs'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'

/**
 * A stream of random numbers for one purpose: the same seed and key give the same stream, whatever else is drawn,
 * in which order, or by which worker.
 */
export class RandomStream {
  readonly #generator: RandomGenerator

  /** @param key what the numbers are for, such as ('noise', image hash, step) */
  constructor(seed: number, ...key: readonly (string | number)[]) {
    this.#generator = xoroshiro128plus(hash(`${seed}/${key.join('/')}`))
  }

  /** A number in (0, 1). */
  uniform(): number {
    return ((this.#generator.next() >>> 0) + 0.5) / 2 ** 32
  }

  /** An integer in 0..limit-1. */
  integer(limit: number): number {
    return Math.floor(this.uniform() * limit)
  }

  /** `count` standard normal numbers, by the Box-Muller transform. */
  normals(count: number): Float32Array {
    const values = new Float32Array(count)
    for (let i = 0; i < count; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(this.uniform()))
      const angle = 2 * Math.PI * this.uniform()
      values[i] = radius * Math.cos(angle)
      if (i + 1 < count) values[i + 1] = radius * Math.sin(angle)
    }
    return values
  }

  /** The numbers 0..count-1 in random order (Fisher-Yates). */
  permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i)
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const swapped = order[i]!
      order[i] = order[j]!
      order[j] = swapped
    }
    return order
  }
}

/** A tensor of standard normal noise from the stream keyed by (seed, ...key). */
export function normal<S extends number[]>(shape: S, seed: number, ...key: readonly (string | number)[]): tf.Tensor {
  const count = shape.reduce((a, b) => a * b, 1)
  return tf.tensor(new RandomStream(seed, ...key).normals(count), shape)
}

/** FNV-1a over UTF-16 units, finished by MurmurHash3's mixer: a 32-bit seed from a key. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
