import { describe, expect, it } from 'vitest'
import { alignFace } from '../../src/faces/alignment.ts'
import { faceMask } from '../../src/faces/mask.ts'
import { pasteFace } from '../../src/faces/paste.ts'
import { template } from '../../src/faces/template.ts'
import { apply } from '../../src/faces/warp.ts'
import { readImage, resizeImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'

const sample = 'node_modules/@vladmandic/face-api/demo/sample1.jpg'
/** The five points of the right face of the first sample photo at half its size, as detectFaces finds them. */
const points = [
  { x: 777.5, y: 137.4 },
  { x: 807.6, y: 166.4 },
  { x: 772.9, y: 168.1 },
  { x: 748.8, y: 169.8 },
  { x: 777.5, y: 197.6 },
]

/** For every pixel of a photo, the mask's value at its centre, 0 outside of the aligned square. */
function weights(photo: Image, transform: Parameters<typeof apply>[0], mask: Float32Array, size: number): Float64Array {
  return Float64Array.from({ length: photo.width * photo.height }, (_, i) => {
    const p = apply(transform, { x: (i % photo.width) + 0.5, y: Math.floor(i / photo.width) + 0.5 })
    const inside = p.x >= 0 && p.y >= 0 && p.x < size && p.y < size
    return inside ? mask[Math.floor(p.y) * size + Math.floor(p.x)]! : 0
  })
}

function psnr(p: Image, q: Image, chosen: (pixel: number) => boolean): number {
  let [sum, count] = [0, 0]
  p.data.forEach((byte, k) => {
    if (!chosen(Math.floor(k / 3))) return
    sum += (byte - q.data[k]!) ** 2
    count++
  })
  return 10 * Math.log10((255 * 255 * count) / sum)
}

describe('faceMask', () => {
  it.each([16, 64, 128])('is 1 on eyes, nose and mouth and 0 at the border, at side %i', size => {
    const mask = faceMask(size)
    for (const p of template(size)) expect(mask[Math.floor(p.y) * size + Math.floor(p.x)]).toBe(1)
    for (let i = 0; i < size; i++) {
      for (const k of [i, i * size, (size - 1) * size + i, i * size + size - 1]) expect(mask[k]).toBeLessThan(0.25)
    }
    expect([mask[0], mask[size * size - 1]]).toEqual([0, 0])
    for (const value of mask) expect(value >= 0 && value <= 1).toBe(true)
  })

  it('is the same left and right, and soft: no step over 2 / 15 at side 128', () => {
    const mask = faceMask(128)
    for (let y = 0; y < 128; y++) {
      for (let x = 0; x < 127; x++) {
        const here = mask[y * 128 + x]!
        expect(Math.abs(here - mask[y * 128 + 127 - x]!)).toBeLessThan(1e-5)
        expect(Math.abs(here - mask[y * 128 + x + 1]!)).toBeLessThan(2 / 15)
      }
    }
  })
})

describe('pasteFace', async () => {
  const photo = await resizeImage(await readImage(sample), 960, 640)
  const size = 128
  const { face, transform } = await alignFace(photo, points, size)
  const shown = weights(photo, transform, faceMask(size), size)
  const green: Image = {
    width: size,
    height: size,
    data: new Uint8Array(size * size * 3).map((_, k) => (k % 3 === 1 ? 255 : 0)),
  }

  it('leaves every pixel outside of the aligned face and the given photo as they were, and shows all of the face inside', () => {
    const before = photo.data.slice()
    const pasted = pasteFace(photo, green, transform)
    let changedOutside = 0
    let wrongInside = 0
    let inside = 0
    for (let i = 0; i < shown.length; i++) {
      const colour = pasted.data.subarray(3 * i, 3 * i + 3)
      const p = apply(transform, { x: (i % photo.width) + 0.5, y: Math.floor(i / photo.width) + 0.5 })
      const far = Math.hypot(p.x - 64, p.y - 66) > 75
      if (far && colour.some((byte, c) => byte !== photo.data[3 * i + c])) changedOutside++
      if (Math.hypot(p.x - 64, p.y - 66) < 30) {
        inside++
        if (colour[0] !== 0 || colour[1] !== 255 || colour[2] !== 0) wrongInside++
      }
    }
    expect([changedOutside, wrongInside]).toEqual([0, 0])
    expect(inside).toBeGreaterThan(1000)
    expect(Buffer.compare(photo.data, before)).toBe(0)
  })

  it('brings an unchanged face back where it was', async () => {
    const pasted = pasteFace(photo, face, transform)
    const same = psnr(photo, pasted, i => shown[i]! > 0)
    const fine = await alignFace(photo, points, 384)
    const finer = psnr(photo, pasteFace(photo, fine.face, fine.transform), i => shown[i]! > 0)
    expect(same).toBeGreaterThan(33)
    expect(finer).toBeGreaterThan(same + 3)
  })

  it('works where the face hangs over the edge of the photo', async () => {
    const shifted = points.map(p => ({ x: p.x - points[2]!.x, y: p.y - points[2]!.y }))
    const corner = await alignFace(photo, shifted, size)
    const pasted = pasteFace(photo, green, corner.transform)
    expect([...pasted.data.subarray(0, 3)]).toEqual([0, 255, 0])
  })
})
