/** Pictures and keys as JSON, for work in other processes and on other machines. Nothing is lost of either. */
import { encodeImage, type Image, readImage } from '../data/image.ts'
import type { FaceKey } from './key.ts'

/** A picture as PNG in base64. */
export async function packImage(image: Image): Promise<string> {
  return (await encodeImage(image, 'png')).toString('base64')
}

export function unpackImage(packed: string): Promise<Image> {
  return readImage(Buffer.from(packed, 'base64'))
}

type Numbers = Pick<FaceKey, 'embeddings' | 'latent'>

/** A key as JSON: its numbers as little-endian float32 in base64. */
export type Packed<Key extends Numbers> = Omit<Key, keyof Numbers> & Readonly<Record<keyof Numbers, string>>

export function packKey<Key extends Numbers>(key: Key): Packed<Key> {
  return { ...key, embeddings: packNumbers(key.embeddings), latent: packNumbers(key.latent) }
}

export function unpackKey<Key extends Numbers>(packed: Packed<Key>): Key {
  const numbers: Numbers = { embeddings: unpackNumbers(packed.embeddings), latent: unpackNumbers(packed.latent) }
  return { ...packed, ...numbers } as unknown as Key
}

function packNumbers({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}

function unpackNumbers(text: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)
}
