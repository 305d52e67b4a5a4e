import { alignFfhq } from '../../src/faces/alignment.ts'
import { detectSsd } from '../../src/faces/ssd-mobilenet.ts'
import { readImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'

/** A real face without glasses in FFHQ's alignment, 256 x 256, and the same with rings drawn around the eyes. */
export async function withAndWithoutGlasses(): Promise<{ bare: Image; withGlasses: Image }> {
  const photo = await readImage('node_modules/@vladmandic/face-api/demo/sample6.jpg')
  const [found] = await detectSsd(photo, { inputSize: 256 })
  const { face } = alignFfhq(photo, found!.landmarks, 256)
  const data = Uint8Array.from(face.data)
  for (const eye of [97, 159]) {
    for (let i = 0; i < 256 * 256; i++) {
      const distance = Math.hypot((i % 256) - eye, Math.floor(i / 256) - 122)
      if (Math.abs(distance - 24) < 2.5) data.fill(20, 3 * i, 3 * i + 3)
    }
  }
  return { bare: face, withGlasses: { ...face, data } }
}
