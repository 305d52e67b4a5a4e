/** Portraits of one person each, shaped like CelebA-HQ's: squares around faces of the photos that come with face-api. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import type { Image } from '../../src/images/image.ts'

const photos = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')), 'demo')

/** Photo, and the middle of a face. */
const faces = [
  ['sample1.jpg', 501, 473],
  ['sample1.jpg', 932, 531],
  ['sample1.jpg', 1574, 316],
  ['sample3.jpg', 684, 464],
  ['sample3.jpg', 1598, 430],
  ['sample6.jpg', 1590, 410],
] as const

/** Portrait `index` of 0..5 at `size` x `size` pixels. */
export async function portrait(index: number, size: number): Promise<Image> {
  const [name, x, y] = faces[index]!
  const data = await sharp(join(photos, name))
    .extract({ left: x - 220, top: y - 220, width: 440, height: 440 })
    .resize(size, size)
    .removeAlpha()
    .raw()
    .toBuffer()
  return { width: size, height: size, data: new Uint8Array(data) }
}
