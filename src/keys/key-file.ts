/**
 * What a key file (.dpkey) holds, in the clear or inside of the encryption: a safetensors file, so that nobody needs this
 * program to read it. docs/keys.md describes its tensors. Its last 32 bytes are SHA-256 of everything before them: they
 * find accidents, and changes by whoever does not compute them anew; against others only encryption protects.
 */
import { equalBytes } from '@noble/ciphers/utils.js'
import * as z from 'zod'
import { sha256Of } from '#sha256'
import { decodeVersion1, isVersion1 } from '#version-1'
import type { Dtype } from '../weights/dtype.ts'
import { fromFloat16, toFloat16 } from '../weights/dtype.ts'
import {
  decodeSafetensors,
  encodeSafetensors,
  headerLength,
  isSafetensors,
  type TensorBytes,
} from '../weights/safetensors.ts'
import { type Decryption, decrypt, type Encryption, encrypt, isAge, isEncrypting } from './age.ts'
import { type FaceKey, KeyError, type KeyPrecision, type PhotoKey, tampered } from './key.ts'

const format = 'diff-privacy key'
const version = 2
const digestBytes = 32

const count = z.int().positive()
const place = z.int().nonnegative()
const hash = z.string().regex(/^[0-9a-f]{64}$/)

const faceSchema = z.strictObject({
  face: place,
  transform: z.strictObject({ a: z.number(), b: z.number(), tx: z.number(), ty: z.number() }),
  model: z.strictObject({ name: z.string(), sha256: z.string() }),
  recipe: z.looseObject({ steps: count }),
  crop: z.strictObject({ x: place, y: place, width: count, height: count }).optional(),
})

const keySchema = z.strictObject({
  picture: hash,
  size: z.strictObject({ width: count, height: count }).optional(),
  secret: hash.optional(),
  faces: z.array(faceSchema).min(1),
})

/** Whether a file is, or was meant to be, a key in the clear. */
export function isKeyFile(file: Uint8Array): boolean {
  return isSafetensors(file.subarray(0, 16))
}

/**
 * The bytes of a key.
 * @param padded fills them up to a size that says little of what is inside; see `bucket`
 */
export function encodeKey(key: PhotoKey, precision: KeyPrecision, padded: boolean): Uint8Array {
  const tensors = new Map<string, TensorBytes>()
  for (const [i, { embeddings, latent, shapes, crop }] of key.faces.entries()) {
    tensors.set(`faces.${i}.embeddings`, numbers('embeddings', embeddings, shapes.embeddings, precision))
    tensors.set(`faces.${i}.latent`, numbers('latent', latent, shapes.latent, precision))
    if (crop) tensors.set(`faces.${i}.original`, file(crop.file))
  }
  if (key.original) tensors.set('original', file(key.original))
  if (key.view) tensors.set('view', file(key.view))
  const described = keySchema.parse({
    picture: key.picture,
    ...(key.size && { size: key.size }),
    ...(key.secret !== undefined && { secret: key.secret }),
    faces: key.faces.map(({ face, transform: { a, b, tx, ty }, model, recipe, crop }) => ({
      ...{ face, transform: { a, b, tx, ty }, model, recipe },
      ...(crop && { crop: crop.box }),
    })),
  })
  const metadata = { format, version: String(version), key: JSON.stringify(described) }
  const encode = (padding: number, headerBytes?: number) =>
    encodeSafetensors(
      new Map([...tensors, ['padding', file(new Uint8Array(padding))], ['sha256', file(new Uint8Array(digestBytes))]]),
      metadata,
      headerBytes,
    )
  let bytes = encode(0)
  if (padded) {
    // Room for the digits of the padding's own length, which is known once the header's is.
    const headerBytes = headerLength(bytes) + 64
    const least = bytes.length + 64
    bytes = encode(bucket(least) - least, headerBytes)
  }
  bytes.set(digestOf(bytes), bytes.length - digestBytes)
  return bytes
}

/**
 * The size that a key of so many bytes is filled up to before it is encrypted: 256 KiB, and beyond four times as much
 * again and again, so that most photos' keys are of one size, however many faces they show.
 */
export function bucket(bytes: number): number {
  let size = 2 ** 18
  while (size < bytes) size *= 4
  return size
}

/**
 * The key that a file holds.
 * @param name what messages call it
 * @throws KeyError: not a key file, newer version, truncated or tampered
 */
export function decodeKey(bytes: Uint8Array, name: string): PhotoKey {
  if (!isKeyFile(bytes))
    throw new KeyError('not a key file', `${name}: expected a key file (.dpkey), found something else: choose another`)
  const wrong = () => tampered(name)
  const { tensors, metadata } = decodeSafetensors(bytes, wrong)
  if (metadata.format !== format)
    throw new KeyError('not a key file', `${name}: expected a key file (.dpkey), found other tensors: choose another`)
  if (Number(metadata.version) > version)
    throw new KeyError(
      'newer version',
      `${name}: expected a key file of version ${version}, found version ${metadata.version}: use a newer diff-privacy`,
    )
  const digest = bytes.subarray(bytes.length - digestBytes)
  if (tensors.get('sha256')?.bytes.length !== digestBytes || !equalBytes(digestOf(bytes), digest)) throw wrong()
  const parsed = keySchema.safeParse(json(metadata.key))
  if (!parsed.success) throw wrong()
  const { faces, ...photo } = parsed.data
  const optional = (tensor: string) => {
    const found = tensors.get(tensor)
    return found && Uint8Array.from(found.bytes)
  }
  const original = optional('original')
  const view = optional('view')
  return {
    ...photo,
    ...(original && { original }),
    ...(view && { view }),
    faces: faces.map(({ crop, ...face }, i): FaceKey => {
      const [embeddings, latent] = [tensors.get(`faces.${i}.embeddings`), tensors.get(`faces.${i}.latent`)]
      const file = optional(`faces.${i}.original`)
      if (embeddings?.shape.length !== 2 || latent?.shape.length !== 3 || (crop !== undefined) !== (file !== undefined))
        throw wrong()
      return {
        picture: photo.picture,
        ...face,
        shapes: {
          embeddings: embeddings.shape as FaceKey['shapes']['embeddings'],
          latent: latent.shape as FaceKey['shapes']['latent'],
        },
        embeddings: values(embeddings, wrong),
        latent: values(latent, wrong),
        ...(crop && file && { crop: { box: crop, file } }),
      }
    }),
  }
}

function numbers(name: string, all: Float32Array, shape: readonly number[], precision: KeyPrecision): TensorBytes {
  const wanted = shape.reduce((a, b) => a * b, 1)
  if (all.length !== wanted)
    throw new Error(`writeKey: expected ${wanted} numbers in ${name} [${shape}], found ${all.length}`)
  const halves = precision === 'float16' ? toFloat16(all) : undefined
  // Also what float16 cannot hold.
  if (!(halves ? fromFloat16(halves) : all).every(Number.isFinite))
    throw new Error(`writeKey: expected ${name} of finite ${precision} numbers`)
  const { buffer, byteOffset, byteLength } = halves ?? all
  return { dtype: halves ? 'F16' : 'F32', shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) }
}

function values({ dtype, bytes }: TensorBytes, wrong: () => KeyError): Float32Array {
  // A copy: the bytes need not begin where a typed array can.
  const { buffer } = Uint8Array.from(bytes)
  const read: Partial<Record<Dtype, () => Float32Array>> = {
    F32: () => new Float32Array(buffer),
    F16: () => fromFloat16(new Uint16Array(buffer)),
  }
  const found = read[dtype]?.()
  if (!found?.every(Number.isFinite)) throw wrong()
  return found
}

function file(bytes: Uint8Array): TensorBytes {
  return { dtype: 'U8', shape: [bytes.length], bytes }
}

function digestOf(file: Uint8Array): Uint8Array {
  return sha256Of(file.subarray(0, file.length - digestBytes))
}

function json(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

// A key as the bytes of its file, encrypted or not.

export interface KeyOptions extends Encryption {
  /**
   * float32 by default. float16 halves the numbers: it rounds each by at most 2^-11 of itself, so z_T, of variance
   * 1, by about 2e-4 (74 dB below it), far less than the error that inversion and the autoencoder leave (25 to 35 dB).
   */
  precision?: KeyPrecision
}

/** The bytes of a key's file: encrypted where there is anyone to encrypt for, else in the clear. */
export async function keyBytes(key: PhotoKey, options: KeyOptions = {}): Promise<Uint8Array> {
  const { precision = 'float32', ...encryption } = options
  if (key.faces.length === 0) throw new Error('writeKey: expected the key of at least one face, found none')
  if (key.faces.some(({ picture }) => picture !== key.picture))
    throw new Error('writeKey: expected keys of one picture, found two pictures')
  const encrypted = isEncrypting(encryption)
  const bytes = encodeKey(key, precision, encrypted)
  return encrypted ? encrypt(bytes, encryption) : bytes
}

/** The key in a file's bytes. @param name what messages call it */
export async function parseKey(file: Uint8Array, name: string, decryption: Decryption = {}): Promise<PhotoKey> {
  if (isVersion1(file)) return decodeVersion1(file, name, decryption)
  if (isAge(file)) return decodeKey(await decrypt(file, name, decryption), name)
  const key = decodeKey(file, name)
  // Anyone could have put it in the place of an encrypted one.
  if (decryption.passphrase !== undefined || (decryption.identities ?? []).length > 0)
    throw new KeyError(
      'not encrypted',
      `${name}: expected an encrypted key, found one in the clear: give no passphrase and no identity`,
    )
  return key
}
