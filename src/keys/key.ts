/**
 * The keys of a protected picture: what recovery needs of each of its faces, in one file beside it. The container is
 * that of key-container.ts; its header is the JSON of `headerSchema`, and its payload what each face has in turn: embeddings
 * and then latent, row-major and little-endian, and the file of its crop where there is one.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { RandomStream } from '../data/random.ts'
import type { Box } from '../faces/box.ts'
import type { Similarity } from '../faces/similarity.ts'
import { writeFileAtomic } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { fromFloat16, toFloat16 } from '../weights/float16.ts'
import { KeyError, seal, tampered, unseal } from './key-container.ts'

export { KeyError, type KeyProblem } from './key-container.ts'

export const keyVersion = 1

const count = z.int().positive()
const place = z.int().nonnegative()
const precisionSchema = z.enum(['float32', 'float16'])

/** How numbers are stored. */
export type KeyPrecision = z.infer<typeof precisionSchema>

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
  precision: precisionSchema,
  faces: z.array(faceSchema),
})

/** Part of the original photo, as it was. */
export interface OriginalCrop {
  /** In whole pixels of the photo. */
  box: Box
  /** Its pixels as a JPEG file. */
  file: Uint8Array
}

/** What recovers one face of one protected picture. */
export interface FaceKey {
  version: typeof keyVersion
  /** SHA-256 of the bytes of the protected picture's file, in hexadecimal. */
  picture: string
  /** Number of the face in the picture, from 0. */
  face: number
  /** Takes the picture's coordinates to the aligned face's: as `alignFace` gave it and `pasteFace` takes it. */
  transform: Similarity
  /** The model that the key is for: SHA-256 of its weights. */
  model: { name: string; sha256: string }
  /** What the sampler must be told again; plain JSON. */
  recipe: { steps: number; [setting: string]: unknown }
  shapes: { embeddings: [buckets: number, width: number]; latent: [height: number, width: number, channels: number] }
  /** The placeholder vectors v_0..v_9 of MSI, one a time bucket: [10, d]. */
  embeddings: Float32Array
  /** z_T of DDIM inversion: [h, w, c]. */
  latent: Float32Array
  /** What protection changed of the photo; keys of version 0.1 have none. */
  crop?: OriginalCrop
}

export interface KeyOptions {
  /** Encrypts the file; without it the numbers are in the clear. */
  passphrase?: string
  /**
   * float32 by default. float16 halves the file: it rounds each number by at most 2^-11 of itself, so z_T, of variance
   * 1, by about 2e-4 (74 dB below it), far less than the error that inversion and the autoencoder leave (25 to 35 dB).
   */
  precision?: KeyPrecision
}

/**
 * Writes the keys of all faces of one picture, whole or not at all, readable to the owner alone.
 * @throws UserError when the file cannot be written
 */
export async function writeKeys(path: string, keys: readonly FaceKey[], options: KeyOptions = {}): Promise<void> {
  const { passphrase, precision = 'float32' } = options
  const [first] = keys
  if (!first) throw new Error('writeKeys: expected the key of at least one face, found none')
  const blocks: Uint8Array[] = []
  const faces = keys.map(key => {
    const { face, transform, model, recipe, shapes } = key
    if (key.picture !== first.picture) throw new Error('writeKeys: expected keys of one picture, found two pictures')
    for (const name of ['embeddings', 'latent'] as const) blocks.push(encode(name, key[name], shapes[name], precision))
    const { a, b, tx, ty } = transform
    const { crop } = key
    if (crop) blocks.push(crop.file)
    const placed = crop && { crop: { ...crop.box, bytes: crop.file.length } }
    return { face, transform: { a, b, tx, ty }, model, recipe, shapes, ...placed }
  })
  const header = headerSchema.parse({ picture: first.picture, precision, faces })
  const file = await seal({ header, payload: Buffer.concat(blocks) }, passphrase)
  await writeFileAtomic(path, file, { mode: 0o600 })
}

/**
 * Reads the keys of a picture's faces.
 * @param passphrase the one it was written with; none for a file in the clear
 * @throws KeyError, its `problem` one of: not a key file, newer version, truncated, tampered, passphrase needed, wrong
 *   passphrase, not encrypted; UserError when there is no file
 */
export async function readKeys(path: string, passphrase?: string): Promise<FaceKey[]> {
  const file = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      `expected a key file at ${path}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`,
    )
  })
  const { header, payload } = await unseal(file, path, passphrase)
  const parsed = headerSchema.safeParse(header)
  if (!parsed.success) throw tampered(path)
  const { picture, precision, faces } = parsed.data
  const width = precision === 'float16' ? 2 : 4
  const sizes = faces.map(
    ({ shapes, crop }) => (product(shapes.embeddings) + product(shapes.latent)) * width + (crop?.bytes ?? 0),
  )
  if (sizes.reduce((a, b) => a + b, 0) !== payload.length) throw tampered(path)

  let offset = 0
  const take = (shape: readonly number[]) => {
    const end = offset + product(shape) * width
    const block = decode(payload.subarray(offset, end), precision)
    offset = end
    return block
  }
  return faces.map(({ crop, ...face }) => {
    const [embeddings, latent] = [take(face.shapes.embeddings), take(face.shapes.latent)]
    const key: FaceKey = { version: keyVersion, picture, ...face, embeddings, latent }
    if (!crop) return key
    const { bytes, ...box } = crop
    const file = payload.slice(offset, offset + bytes)
    offset += bytes
    return { ...key, crop: { box, file } }
  })
}

/** What a key calls a picture: SHA-256 of the bytes of its file, in hexadecimal. */
export function pictureHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/**
 * @param bytes the bytes of the protected picture's file
 * @param names what the message calls the key and the picture
 * @throws KeyError 'another picture' unless every key belongs to this picture
 */
export function checkPicture(
  keys: readonly FaceKey[],
  bytes: Uint8Array,
  names: { key: string; picture: string } = { key: 'the key', picture: 'this picture' },
): void {
  const found = pictureHash(bytes)
  const other = keys.find(({ picture }) => picture !== found)
  if (!other) return
  const [expected, actual] = [other.picture.slice(0, 12), found.slice(0, 12)]
  throw new KeyError(
    'another picture',
    `${names.key} is the key of another picture: expected SHA-256 ${expected}..., found ${actual}... of ${names.picture}: ` +
      'take the protected file as it was written, or the key beside it',
  )
}

/**
 * A wrong key of the same shapes, for controls: a latent of standard normal noise, and in place of each placeholder
 * vector a random direction of the same length. The same key and seed give the same wrong key.
 */
export function wrongKey<Key extends Pick<FaceKey, 'picture' | 'face' | 'shapes' | 'embeddings' | 'latent'>>(
  key: Key,
  seed: number,
): Key {
  const stream = (purpose: string) => new RandomStream(seed, 'wrong key', purpose, key.picture, key.face)
  const [rows, width] = key.shapes.embeddings
  const embeddings = stream('embeddings').normals(rows * width)
  for (let row = 0; row < rows; row++) {
    const [start, end] = [row * width, (row + 1) * width]
    const direction = embeddings.subarray(start, end)
    const scale = Math.hypot(...key.embeddings.subarray(start, end)) / Math.hypot(...direction)
    direction.forEach((value, i) => {
      direction[i] = value * scale
    })
  }
  return { ...key, embeddings, latent: stream('latent').normals(key.latent.length) }
}

function encode(name: string, values: Float32Array, shape: readonly number[], precision: KeyPrecision): Uint8Array {
  if (values.length !== product(shape))
    throw new Error(`writeKeys: expected ${product(shape)} numbers in ${name} [${shape}], found ${values.length}`)
  const stored = precision === 'float16' ? fromFloat16(toFloat16(values)) : values
  // Also what float16 cannot hold.
  if (!stored.every(Number.isFinite)) throw new Error(`writeKeys: expected ${name} of finite ${precision} numbers`)
  const { buffer, byteOffset, byteLength } = precision === 'float16' ? toFloat16(values) : values
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function decode(bytes: Uint8Array, precision: KeyPrecision): Float32Array {
  // A copy: the block need not begin where a typed array can.
  const { buffer } = Uint8Array.from(bytes)
  return precision === 'float16' ? fromFloat16(new Uint16Array(buffer)) : new Float32Array(buffer)
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}
