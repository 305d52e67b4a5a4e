/** What the key of a protected picture holds: what recovery needs of it and of each of its faces. */
import { sha256Hex } from '#sha256'
import type { Box } from '../faces/box.ts'
import type { Similarity } from '../faces/warp.ts'
import { UserError } from '../util/errors.ts'
import { RandomStream } from '../util/random.ts'

/** How numbers are stored. */
export type KeyPrecision = 'float32' | 'float16'

/** Part of the original photo, as it was. */
export interface OriginalCrop {
  /** In whole pixels of the photo. */
  box: Box
  /** Its pixels as the file of a picture. */
  file: Uint8Array
}

/** What recovers one face of one protected picture. */
export interface FaceKey {
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

/** What recovers a protected picture. */
export interface PhotoKey {
  /** SHA-256 of the bytes of its file, in hexadecimal. */
  picture: string
  /** Of the picture, in pixels. Keys of version 0.1 do not say it. */
  size?: { width: number; height: number }
  /** What its random numbers came from, 256 bits in hexadecimal; none where a seed was given instead. */
  secret?: string
  /** A small version of the protected picture as a file, by which edited copies of it are known. */
  view?: Uint8Array
  /** The file of the original photo, where every pixel of it is to come back. */
  original?: Uint8Array
  /** One at least, all of `picture`. */
  faces: readonly FaceKey[]
}

/** What a key calls a picture: SHA-256 of the bytes of its file, in hexadecimal. */
export function pictureHash(bytes: Uint8Array): string {
  return sha256Hex(bytes)
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
      'take the protected file as it was written, or the key beside it; --allow-edited finds it again where it was scaled, cut or encoded again',
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

export type KeyProblem =
  | 'not a key file'
  | 'newer version'
  | 'truncated'
  | 'tampered'
  | 'passphrase needed'
  | 'wrong passphrase'
  | 'identity needed'
  | 'wrong identity'
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

export function tampered(name: string): KeyError {
  return new KeyError('tampered', `${name}: the key file has been changed since it was written: use an unchanged copy`)
}
