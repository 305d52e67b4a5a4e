/** Pictures and keys as JSON, for work in other processes and on other machines. Nothing is lost of either. */

import type { Box } from '../faces/box.ts'
import { encodeImage, readImage } from '../images/codec.node.ts'
import type { Image } from '../images/image.ts'
import type { FaceKey } from './key.ts'

/** A picture as PNG in base64. */
export async function packImage(image: Image): Promise<string> {
  return (await encodeImage(image, 'png')).toString('base64')
}

export function unpackImage(packed: string): Promise<Image> {
  return readImage(Buffer.from(packed, 'base64'))
}

type Numbers = Pick<FaceKey, 'embeddings' | 'latent'>
type Contents = Numbers & Pick<FaceKey, 'crop'>

/** A key as JSON: its numbers as little-endian float32, and the file of its crop, in base64. */
export type Packed<Key extends Contents> = Omit<Key, keyof Contents> &
  Readonly<Record<keyof Numbers, string>> & { readonly crop?: { readonly box: Box; readonly file: string } }

export function packKey<Key extends Contents>({ crop, ...key }: Key): Packed<Key> {
  const packed = { ...key, embeddings: packNumbers(key.embeddings), latent: packNumbers(key.latent) }
  const file = crop && { crop: { box: crop.box, file: Buffer.from(crop.file).toString('base64') } }
  return { ...packed, ...file } as unknown as Packed<Key>
}

export function unpackKey<Key extends Contents>({ crop, ...packed }: Packed<Key>): Key {
  const numbers: Numbers = { embeddings: unpackNumbers(packed.embeddings), latent: unpackNumbers(packed.latent) }
  const file = crop && { crop: { box: crop.box, file: Uint8Array.from(Buffer.from(crop.file, 'base64')) } }
  return { ...packed, ...numbers, ...file } as unknown as Key
}

function packNumbers({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}

function unpackNumbers(text: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)
}
