/** Random numbers that nobody can tell from any others without their 256-bit secret. */
import { chacha20 } from '@noble/ciphers/chacha.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes, randomBytes, utf8ToBytes } from '@noble/hashes/utils.js'

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
