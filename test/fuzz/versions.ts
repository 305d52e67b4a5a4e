/** Protected pictures that say their version in their pixels and in their keys. */
import { join } from 'node:path'
import { readImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import type { UnboundKey } from '../../src/pipeline/photo-face.ts'
import { readProtected } from '../../src/pipeline/recover-file.ts'

export function versionPhoto(version: number): Image {
  const data = new Uint8Array(32 * 32 * 3)
  for (let i = 0; i < data.length; i++) data[i] = Math.floor(version / 256 ** (i % 3)) % 256
  return { width: 32, height: 32, data }
}

export function versionKey(version: number): UnboundKey {
  return {
    face: 0,
    transform: { a: 1, b: 0, tx: version, ty: 0 },
    model: { name: 'none', sha256: '0'.repeat(64) },
    recipe: { steps: 2 },
    shapes: { embeddings: [10, 2], latent: [2, 2, 1] },
    embeddings: new Float32Array(20),
    latent: new Float32Array(4),
  }
}

/**
 * The version that lies in a folder.
 * @throws Error when picture and key are of two versions, or one of them is not whole
 */
export async function versionIn(folder: string): Promise<number> {
  const path = join(folder, 'a.png')
  const { bytes, keys } = await readProtected(path)
  const { data } = await readImage(bytes, path)
  const version = data[0]! + 256 * data[1]! + 65_536 * data[2]!
  const ofKey = keys[0]!.transform.tx
  if (version !== ofKey) throw new Error(`the picture is version ${version}, its key ${ofKey}`)
  return version
}
