/** Random numbers come from streams named by purpose, of a public seed or of a secret that nobody can guess. */
import { chacha20 } from '@noble/ciphers/chacha.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes, randomBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import * as tf from '@tensorflow/tfjs'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

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

/** 256 bits in hexadecimal. */
export type Secret = string

/** A secret from the operating system. */
export function freshSecret(): Secret {
  return bytesToHex(randomBytes(32))
}

/** Bytes of key stream that are made at once, and the blocks of ChaCha20 that they are. */
const chunk = 2 ** 14
const blocks = chunk / 64

/**
 * Words 0..2^32-1 of the stream of a secret for a purpose: the key stream of ChaCha20 (RFC 8439) under the key that
 * HKDF-SHA-256 makes of the secret, with the purpose as its `info`. Streams of other purposes say nothing of this one.
 */
export function keyedWords(secret: Secret, purpose: readonly (string | number)[]): () => number {
  if (!/^[0-9a-f]{64}$/.test(secret)) throw new Error('expected a secret of 256 bits in hexadecimal, found another')
  const info = utf8ToBytes(`diff-privacy random 1 ${JSON.stringify(purpose)}`)
  const key = hkdf(sha256, hexToBytes(secret), undefined, info, 32)
  const [nonce, zeros] = [new Uint8Array(12), new Uint8Array(chunk)]
  let view = new DataView(zeros.buffer)
  let [counter, at] = [0, chunk]
  return () => {
    if (at === chunk) {
      const stream = chacha20(key, nonce, zeros, undefined, counter)
      view = new DataView(stream.buffer, stream.byteOffset, chunk)
      counter += blocks
      at = 0
    }
    const word = view.getUint32(at, true)
    at += 4
    return word
  }
}

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
