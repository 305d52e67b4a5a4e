import { describe, expect, it } from 'vitest'
import { alignFfhq } from '../../src/faces/alignment.ts'
import { compositeFace } from '../../src/faces/composite.ts'
import { outlineMask } from '../../src/faces/face-regions.ts'
import { fivePoints, meanLandmarks } from '../../src/faces/template.ts'
import { apply, type Similarity, similarity } from '../../src/faces/warp.ts'
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

/** For every pixel of a photo, the outline's value at it. */
function shown(photo: Image, transform: Similarity, mask: Float32Array, side: number): Float32Array {
  return Float32Array.from({ length: photo.width * photo.height }, (_, i) => {
    const p = apply(transform, { x: (i % photo.width) + 0.5, y: Math.floor(i / photo.width) + 0.5 })
    const inside = p.x >= 0 && p.y >= 0 && p.x < side && p.y < side
    return inside ? mask[Math.floor(p.y) * side + Math.floor(p.x)]! : 0
  })
}

function meanDifference(
  p: Image,
  q: Image,
  weights: Float32Array,
  channel: (k: number) => boolean = () => true,
): number {
  let [sum, total] = [0, 0]
  p.data.forEach((byte, k) => {
    const w = weights[Math.floor(k / 3)]!
    if (w < 0.99 || !channel(k % 3)) return
    sum += q.data[k]! - byte
    total++
  })
  return sum / total
}

describe('compositeFace', async () => {
  const whole = await resizeImage(await readImage(sample), 960, 640)
  const landmarks = meanLandmarks(256)
  const toPhoto = similarity(fivePoints(landmarks), points)
  const found = landmarks.map(p => apply(toPhoto, p))
  const { face, transform } = alignFfhq(whole, found, 256)
  const options = { transform, landmarks: found }
  const inside = shown(whole, transform, outlineMask(landmarks, 256), 256)

  it('gives about the photo where the face is its own, at any size', () => {
    for (const size of [256, 384]) {
      const own = alignFfhq(whole, found, size).face
      const result = compositeFace(whole, own, options)
      let [sum, count] = [0, 0]
      result.data.forEach((byte, k) => {
        if (inside[Math.floor(k / 3)]! < 0.5) return
        sum += Math.abs(byte - whole.data[k]!)
        count++
      })
      expect(sum / count).toBeLessThan(4)
    }
  })

  it('takes the light of the photo: a face of another colour and brightness comes back as it was', () => {
    const tinted = { ...face, data: face.data.map((v, k) => Math.min(255, v * [1.2, 1, 0.85][k % 3]! + 12)) }
    const untouched = { ...whole, data: whole.data.slice() }
    const result = compositeFace(whole, tinted, options)
    for (const channel of [0, 1, 2])
      expect(Math.abs(meanDifference(whole, result, inside, c => c === channel))).toBeLessThan(3)
    expect(Buffer.compare(whole.data, untouched.data)).toBe(0)
  })

  it('leaves every pixel outside of the outline as it was, and is the same each time', () => {
    const green = { ...face, data: face.data.map((_, k) => (k % 3 === 1 ? 255 : 0)) }
    const result = compositeFace(whole, green, options)
    const around = shown(whole, transform, outlineMask(landmarks, 256), 256)
    let [changedOutside, changedInside] = [0, 0]
    for (let i = 0; i < around.length; i++) {
      const changed = [0, 1, 2].some(c => result.data[3 * i + c] !== whole.data[3 * i + c])
      const p = apply(transform, { x: (i % 960) + 0.5, y: Math.floor(i / 960) + 0.5 })
      if (changed && (Math.abs(p.x - 128) > 100 || Math.abs(p.y - 140) > 115)) changedOutside++
      if (changed && around[i]! > 0.99) changedInside++
    }
    expect(changedOutside).toBe(0)
    expect(changedInside).toBeGreaterThan(2000)
    expect(Buffer.compare(compositeFace(whole, green, options).data, result.data)).toBe(0)
  })

  it('makes a smooth face as sharp as the photo again, and not a sharp one smoother than it', async () => {
    const smooth = await resizeImage(await resizeImage(face, 112, 112), 256, 256)
    const energy = (image: Image) => {
      let sum = 0
      for (let i = 0; i < inside.length; i++) {
        if (inside[i]! < 0.99) continue
        const luma = (j: number) => image.data[3 * j]! + image.data[3 * j + 1]! + image.data[3 * j + 2]!
        sum += (4 * luma(i) - luma(i - 1) - luma(i + 1) - luma(i - 960) - luma(i + 960)) ** 2
      }
      return Math.sqrt(sum)
    }
    const original = energy(whole)
    expect(energy(compositeFace(whole, face, options)) / original).toBeGreaterThan(0.8)
    const ratio = energy(compositeFace(whole, smooth, options)) / original
    expect(ratio).toBeGreaterThan(0.6)
    expect(ratio).toBeLessThan(1.25)
  })

  it('works where the face hangs over the edge of the photo', () => {
    const shifted = found.map(p => ({ x: p.x - found[30]!.x, y: p.y - found[30]!.y }))
    const corner = alignFfhq(whole, shifted, 256)
    const dark = { ...face, data: new Uint8Array(face.data.length) }
    const result = compositeFace(whole, dark, { transform: corner.transform, landmarks: shifted })
    expect(result.data.length).toBe(whole.data.length)
  })

  it('refuses a face that is not square', () => {
    expect(() => compositeFace(whole, whole, options)).toThrow(/square/)
  })
})
