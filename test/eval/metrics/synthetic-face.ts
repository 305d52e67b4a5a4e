/** Landmarks of a face that looks straight ahead, and pictures to lay it on. */

import type { Point } from '../../../src/faces/template.ts'
import type { Image } from '../../../src/images/image.ts'
import { RandomStream } from '../../../src/util/random.ts'

/** 68 landmarks around (x, y), the eyes' centres `e` apart. */
export function faceAt(x: number, y: number, e: number): Point[] {
  const line = (count: number, at: (t: number) => [number, number]) =>
    Array.from({ length: count }, (_, i) => at(count === 1 ? 0 : i / (count - 1)))
  const ring = (cx: number, cy: number, rx: number, ry: number, count: number) =>
    Array.from({ length: count }, (_, i): [number, number] => {
      const angle = Math.PI + (2 * Math.PI * i) / count
      return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)]
    })
  const units: [number, number][] = [
    ...line(17, t => [-1.1 * Math.cos(Math.PI * t), -0.1 + 1.6 * Math.sin(Math.PI * t)]),
    ...line(5, t => [-0.85 + 0.6 * t, -0.35]),
    ...line(5, t => [0.25 + 0.6 * t, -0.35]),
    ...line(4, t => [0, 0.5 * t]),
    ...line(5, t => [-0.2 + 0.4 * t, 0.6]),
    ...ring(-0.5, 0, 0.2, 0.08, 6),
    ...ring(0.5, 0, 0.2, 0.08, 6),
    ...ring(0, 1, 0.4, 0.15, 12),
    ...ring(0, 1, 0.25, 0.05, 8),
  ]
  return units.map(([u, v]) => ({ x: x + e * u, y: y + e * v }))
}

/** One colour with normal noise, the same in all channels. */
export function noisy(size: number, colour: readonly [number, number, number], deviation = 0, seed = 0): Image {
  const noise = new RandomStream(seed, 'noisy picture').normals(size * size)
  const data = Uint8Array.from({ length: 3 * size * size }, (_, k) =>
    Math.max(0, Math.min(255, Math.round(colour[k % 3]! + deviation * noise[Math.floor(k / 3)]!))),
  )
  return { width: size, height: size, data }
}

/** A picture with another colour where `change` says so. */
export function painted(
  { width, height, data }: Image,
  change: (x: number, y: number, value: number) => number,
): Image {
  return {
    width,
    height,
    data: data.map((value, k) => {
      const i = Math.floor(k / 3)
      return Math.max(0, Math.min(255, Math.round(change((i % width) + 0.5, Math.floor(i / width) + 0.5, value))))
    }),
  }
}
