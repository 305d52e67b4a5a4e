import { createCipheriv, hkdfSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { freshSecret, RandomStream } from '../../src/util/random.ts'

const secret = '0f'.repeat(32)
const words = (stream: RandomStream, count: number) =>
  Array.from({ length: count }, () => Math.floor(stream.uniform() * 2 ** 32))

describe('of a secret', () => {
  test('is the key stream of ChaCha20 under HKDF-SHA-256 of secret and purpose, by OpenSSL', () => {
    const info = 'diff-privacy random 1 ["start","a/0",3]'
    const key = Buffer.from(hkdfSync('sha256', Buffer.from(secret, 'hex'), '', info, 32))
    const stream = createCipheriv('chacha20', key, Buffer.alloc(16)).update(Buffer.alloc(40_000))
    const expected = Array.from({ length: 10_000 }, (_, i) => stream.readUInt32LE(4 * i))
    expect(words(new RandomStream(secret, 'start', 'a/0', 3), 10_000)).toEqual(expected)
  })

  test('differs by each bit of the secret, and by the purpose, however it is cut into words', () => {
    const first = (source: string, ...purpose: (string | number)[]) =>
      words(new RandomStream(source, ...purpose), 4).join()
    const streams = Array.from({ length: 256 }, (_, bit) => {
      const bytes = Buffer.from(secret, 'hex')
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      return first(bytes.toString('hex'), 'a')
    })
    expect(new Set([...streams, first(secret, 'a')]).size).toBe(257)
    expect(first(secret, 'a/b', 'c')).not.toBe(first(secret, 'a', 'b/c'))
    expect(first(secret, 1)).not.toBe(first(secret, '1'))
    expect(first(secret, 'a')).toBe(first(secret, 'a'))
  })

  test('normals are of mean 0, variance 1, and independent of another stream', () => {
    const [a, b] = ['a', 'b'].map(purpose => new RandomStream(secret, purpose).normals(100_000)) as [
      Float32Array,
      Float32Array,
    ]
    const mean = (f: (value: number, i: number) => number) =>
      a.reduce((sum, value, i) => sum + f(value, i), 0) / a.length
    expect(Math.abs(mean(value => value))).toBeLessThan(0.015)
    expect(Math.abs(mean(value => value * value) - 1)).toBeLessThan(0.02)
    expect(Math.abs(mean((value, i) => value * b[i]!))).toBeLessThan(0.015)
  })

  test('secrets are of 256 bits, fresh, and nothing else is taken for one', () => {
    const secrets = Array.from({ length: 100 }, freshSecret)
    expect(new Set(secrets).size).toBe(100)
    for (const one of secrets) expect(one).toMatch(/^[0-9a-f]{64}$/)
    for (const wrong of ['', 'ab', secret.slice(1), `${secret}0`, 'x'.repeat(64)])
      expect(() => new RandomStream(wrong, 'a')).toThrow('256 bits')
  })
})

test('of a seed, streams stay what they were in version 0.1', () => {
  expect(words(new RandomStream(0, 'start', 'a/0', 3), 3)).toEqual([172279598, 741219986, 104680238])
  expect([...new RandomStream(7, 'noise').normals(3)]).toEqual([
    -1.4887458086013794, 0.04376526176929474, -1.1481685638427734,
  ])
})
