/**
 * The container of a key file (.dpkey), version 1; integers are little-endian:
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
 * to find them with; against someone who computes it anew only the passphrase protects.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  hkdfSync,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from 'node:crypto'
import { promisify } from 'node:util'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { UserError } from '../util/errors.ts'

export type KeyProblem =
  | 'not a key file'
  | 'newer version'
  | 'truncated'
  | 'tampered'
  | 'passphrase needed'
  | 'wrong passphrase'
  | 'not encrypted'
  | 'another picture'

/** Why a key cannot be used, by name. */
export class KeyError extends UserError {
  readonly problem: KeyProblem

  constructor(problem: KeyProblem, message: string) {
    super(message)
    this.problem = problem
  }
}

const magic = Buffer.from('DPKEY', 'latin1')
const version = 1
const encryptedFlag = 1
const deflatedFlag = 2
const [saltBytes, nonceBytes, checkBytes, tagBytes, digestBytes] = [16, 12, 16, 16, 32]
const preambleBytes = 20

export interface Sealed {
  header: unknown
  payload: Uint8Array
}

/** A container of `header` and `payload`, encrypted when there is a passphrase, deflated when that makes it smaller. */
export async function seal({ header, payload }: Sealed, passphrase?: string): Promise<Buffer> {
  const json = Buffer.from(JSON.stringify(header), 'utf8')
  const deflated = deflateRawSync(payload, { level: 9 })
  const smaller = deflated.length < payload.length
  const stored = smaller ? deflated : payload
  const flags = (passphrase === undefined ? 0 : encryptedFlag) | (smaller ? deflatedFlag : 0)
  const preamble = Buffer.alloc(preambleBytes)
  magic.copy(preamble)
  preamble.set([version, flags], 5)
  preamble.writeUInt32LE(json.length, 8)
  preamble.writeUInt32LE(stored.length, 12)
  sha256(preamble.subarray(0, 16)).copy(preamble, 16, 0, 4)

  const parts: Uint8Array[] = [preamble, json]
  if (passphrase === undefined) parts.push(stored)
  else {
    const [salt, nonce] = [randomBytes(saltBytes), randomBytes(nonceBytes)]
    const { key, check } = await derive(passphrase, salt)
    parts.push(salt, nonce, check)
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.concat(parts))
    parts.push(cipher.update(stored), cipher.final(), cipher.getAuthTag())
  }
  const body = Buffer.concat(parts)
  return Buffer.concat([body, sha256(body)])
}

/**
 * The contents of a container.
 * @param name what messages call it
 * @param maximum bytes that the payload may unfold to
 * @throws KeyError, each problem by its own name
 */
export async function unseal(file: Uint8Array, name: string, passphrase?: string, maximum = 2 ** 28): Promise<Sealed> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length)
  if (!bytes.subarray(0, magic.length).equals(magic))
    throw new KeyError('not a key file', `${name}: expected a key file (.dpkey), found something else: choose another`)
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
  } else if (passphrase !== undefined) {
    // Anyone could have put it in the place of an encrypted one.
    throw new KeyError(
      'not encrypted',
      `${name}: expected an encrypted key, found one in the clear: give no passphrase`,
    )
  }
  try {
    const header = JSON.parse(bytes.toString('utf8', preambleBytes, preambleBytes + bytes.readUInt32LE(8)))
    const payload = flags & deflatedFlag ? inflateRawSync(stored, { maxOutputLength: maximum }) : stored
    return { header, payload }
  } catch {
    throw tampered(name)
  }
}

export function tampered(name: string): KeyError {
  return new KeyError('tampered', `${name}: the key file has been changed since it was written: use an unchanged copy`)
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
