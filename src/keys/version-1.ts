/**
 * Reads key files of version 0.1, which are written no more. Their container; integers are little-endian:
 *
 *      0   5  'DPKEY'
 *      5   1  version
 *      6   1  flags: 1 encrypted, 2 payload deflated (RFC 1951); the others are 0
 *      7   1  0
 *      8   4  H, bytes of the header
 *     12   4  P, bytes of the payload as stored
 *     16   4  the first bytes of SHA-256 over bytes 0..15, so that a wrong length is told from a cut file
 *     20   H  header: JSON in UTF-8, never encrypted
 *             when encrypted: 16 salt, 12 nonce, 16 check
 *          P  payload
 *             when encrypted: 16 tag of AES-256-GCM over the payload, with everything before it as additional data
 *         32  SHA-256 of everything before it
 *
 * scrypt (N = 2^15, r = 8, p = 1) of the passphrase (UTF-8, NFKC) and the salt gives 32 bytes, from which HKDF-SHA-256
 * makes the key of AES under one label and the check under another: a wrong passphrase is told from a changed file, and
 * the check says nothing about the key. The digest at the end finds accidents, and changes when there is no passphrase
 * to find them with; against someone who computes it anew only the passphrase protects. The payload is what each face has
 * in turn: embeddings and then latent, row-major and little-endian, and the file of its crop where there is one.
 */
import { createDecipheriv, createHash, hkdfSync, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { inflateRawSync } from 'node:zlib'
import * as z from 'zod'
import { fromFloat16 } from '../weights/dtype.ts'
import type { Decryption } from './age.ts'
import type { FaceKey, PhotoKey } from './key.ts'
import { KeyError, tampered } from './key.ts'

const magic = Buffer.from('DPKEY', 'latin1')
const version = 1
const encryptedFlag = 1
const deflatedFlag = 2
const [saltBytes, nonceBytes, checkBytes, tagBytes, digestBytes] = [16, 12, 16, 16, 32]
const preambleBytes = 20

const count = z.int().positive()
const place = z.int().nonnegative()

const faceSchema = z.strictObject({
  face: z.int().nonnegative(),
  transform: z.strictObject({ a: z.number(), b: z.number(), tx: z.number(), ty: z.number() }),
  model: z.strictObject({ name: z.string(), sha256: z.string() }),
  recipe: z.looseObject({ steps: count }),
  shapes: z.strictObject({ embeddings: z.tuple([count, count]), latent: z.tuple([count, count, count]) }),
  crop: z.strictObject({ x: place, y: place, width: count, height: count, bytes: count }).optional(),
})

const headerSchema = z.strictObject({
  picture: z.string().regex(/^[0-9a-f]{64}$/),
  precision: z.enum(['float32', 'float16']),
  faces: z.array(faceSchema).min(1),
})

/** Whether a file is, or was meant to be, a key of version 0.1. */
export function isVersion1(file: Uint8Array): boolean {
  return Buffer.from(file.subarray(0, magic.length)).equals(magic)
}

/**
 * The key that a file of version 0.1 holds.
 * @param name what messages call it
 * @throws KeyError, its `problem` one of: newer version, truncated, tampered, passphrase needed, wrong passphrase, not
 *   encrypted
 */
export async function decodeVersion1(file: Uint8Array, name: string, decryption: Decryption): Promise<PhotoKey> {
  const { header, payload } = await unseal(file, name, decryption)
  const parsed = headerSchema.safeParse(header)
  if (!parsed.success) throw tampered(name)
  const { picture, precision, faces } = parsed.data
  const width = precision === 'float16' ? 2 : 4
  const sizes = faces.map(
    ({ shapes, crop }) => (product(shapes.embeddings) + product(shapes.latent)) * width + (crop?.bytes ?? 0),
  )
  if (sizes.reduce((a, b) => a + b, 0) !== payload.length) throw tampered(name)

  let offset = 0
  const take = (shape: readonly number[]) => {
    // A copy: the block need not begin where a typed array can.
    const { buffer } = payload.slice(offset, offset + product(shape) * width)
    offset += buffer.byteLength
    return precision === 'float16' ? fromFloat16(new Uint16Array(buffer)) : new Float32Array(buffer)
  }
  return {
    picture,
    faces: faces.map(({ crop, ...face }): FaceKey => {
      const [embeddings, latent] = [take(face.shapes.embeddings), take(face.shapes.latent)]
      const key = { picture, ...face, embeddings, latent }
      if (!crop) return key
      const { bytes, ...box } = crop
      const file = payload.slice(offset, offset + bytes)
      offset += bytes
      return { ...key, crop: { box, file } }
    }),
  }
}

interface Sealed {
  readonly header: unknown
  readonly payload: Uint8Array<ArrayBuffer>
}

/** Bytes that a payload may unfold to. */
const maximum = 2 ** 28

/** The contents of a container. */
async function unseal(file: Uint8Array, name: string, { passphrase, identities = [] }: Decryption): Promise<Sealed> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length)
  if (bytes.length > magic.length && bytes[5]! > version)
    throw new KeyError(
      'newer version',
      `${name}: expected a key file of version ${version}, found version ${bytes[5]}: use a newer diff-privacy`,
    )
  if (bytes.length < preambleBytes) throw truncated(name, preambleBytes, bytes.length)
  if (bytes[5] !== version || !sha256(bytes.subarray(0, 16)).subarray(0, 4).equals(bytes.subarray(16, preambleBytes)))
    throw tampered(name)

  const flags = bytes[6]!
  const encrypted = (flags & encryptedFlag) !== 0
  const payloadStart = preambleBytes + bytes.readUInt32LE(8) + (encrypted ? saltBytes + nonceBytes + checkBytes : 0)
  const payloadEnd = payloadStart + bytes.readUInt32LE(12)
  const digestStart = payloadEnd + (encrypted ? tagBytes : 0)
  if (bytes.length < digestStart + digestBytes) throw truncated(name, digestStart + digestBytes, bytes.length)
  if (!sha256(bytes.subarray(0, digestStart)).equals(bytes.subarray(digestStart))) throw tampered(name)

  let stored = bytes.subarray(payloadStart, payloadEnd)
  if (encrypted) {
    if (passphrase === undefined)
      throw new KeyError('passphrase needed', `${name} is encrypted: give its passphrase by --passphrase-file`)
    const saltStart = payloadStart - checkBytes - nonceBytes - saltBytes
    const salt = bytes.subarray(saltStart, saltStart + saltBytes)
    const nonce = bytes.subarray(saltStart + saltBytes, payloadStart - checkBytes)
    const { key, check } = await derive(passphrase, salt)
    if (!timingSafeEqual(check, bytes.subarray(payloadStart - checkBytes, payloadStart)))
      throw new KeyError('wrong passphrase', `${name}: wrong passphrase: give the one that the key was made with`)
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
    decipher.setAAD(bytes.subarray(0, payloadStart)).setAuthTag(bytes.subarray(payloadEnd, digestStart))
    try {
      stored = Buffer.concat([decipher.update(stored), decipher.final()])
    } catch {
      throw tampered(name)
    }
  } else if (passphrase !== undefined || identities.length > 0) {
    // Anyone could have put it in the place of an encrypted one.
    throw new KeyError(
      'not encrypted',
      `${name}: expected an encrypted key, found one in the clear: give no passphrase and no identity`,
    )
  }
  try {
    const header = JSON.parse(bytes.toString('utf8', preambleBytes, preambleBytes + bytes.readUInt32LE(8)))
    const payload = flags & deflatedFlag ? inflateRawSync(stored, { maxOutputLength: maximum }) : stored
    return { header, payload: Uint8Array.from(payload) }
  } catch {
    throw tampered(name)
  }
}

function truncated(name: string, expected: number, found: number): KeyError {
  return new KeyError(
    'truncated',
    `${name}: the key file is cut short: expected ${expected} bytes, found ${found}: use a whole copy`,
  )
}

async function derive(passphrase: string, salt: Buffer): Promise<{ key: Buffer; check: Buffer }> {
  const secret = await scryptAsync(passphrase.normalize('NFKC'), salt, 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 })
  const expand = (label: string, length: number) => Buffer.from(hkdfSync('sha256', secret, salt, label, length))
  return { key: expand('dpkey 1 encryption', 32), check: expand('dpkey 1 check', checkBytes) }
}

const scryptAsync = promisify<string, Buffer, number, object, Buffer>(scrypt)

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}
