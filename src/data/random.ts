import * as tf from '@tensorflow/tfjs'
import { keyedWords, type Secret } from './keyed-words.ts'
import { seededWords } from './seeded-words.ts'

/**
 * What random numbers come from: a secret, or for research a seed. Who knows a seed, or tries every one, has the numbers: a
 * seed makes a run repeatable and its output confirmable.
 */
export type Randomness = number | Secret

/**
 * A stream of random numbers for one purpose: the same source and purpose give the same stream, whatever else is drawn, in
 * which order, or by which worker.
 */
export class RandomStream {
  readonly #word: () => number

  /** @param purpose what the numbers are for, such as ('noise', image hash, step) */
  constructor(source: Randomness, ...purpose: readonly (string | number)[]) {
    this.#word = typeof source === 'number' ? seededWords(source, purpose) : keyedWords(source, purpose)
  }

  /** A number in (0, 1). */
  uniform(): number {
    return (this.#word() + 0.5) / 2 ** 32
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

/** A tensor of standard normal noise from the stream of (source, ...purpose). */
export function normal<S extends number[]>(
  shape: S,
  source: Randomness,
  ...purpose: readonly (string | number)[]
): tf.Tensor {
  const count = shape.reduce((a, b) => a * b, 1)
  return tf.tensor(new RandomStream(source, ...purpose).normals(count), shape)
}
