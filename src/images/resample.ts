/**
 * Antialiased resizing without libvips, by separable kernels: Lanczos with three lobes where a picture shrinks, widened by the factor; a
 * cubic convolution (Catmull-Rom) where it grows, as libvips does it. Within rounding of what sharp gives.
 */
import type { Image } from './image.ts'

export function resample(image: Image, width: number, height: number): Image {
  const { data } = image
  const columns = kernels(image.width, width)
  const rows = kernels(image.height, height)
  const wide = new Float32Array(3 * width * image.height)
  for (let y = 0, to = 0; y < image.height; y++)
    for (const { from, weights } of columns)
      for (let c = 0; c < 3; c++) {
        let sum = 0
        for (let i = 0, k = 3 * (y * image.width + from) + c; i < weights.length; i++, k += 3)
          sum += weights[i]! * data[k]!
        wide[to++] = sum
      }
  // It clamps and rounds.
  const out = new Uint8ClampedArray(3 * width * height)
  const stride = 3 * width
  const line = new Float64Array(stride)
  for (const [y, { from, weights }] of rows.entries()) {
    line.fill(0)
    for (const [i, weight] of weights.entries())
      for (let x = 0, k = (from + i) * stride; x < stride; x++, k++) line[x] = line[x]! + weight * wide[k]!
    out.set(line, y * stride)
  }
  return { width, height, data: new Uint8Array(out.buffer) }
}

/** Which pixels of a line of `size` each of `count` new ones is made of, and their weights, which sum to 1. */
function kernels(size: number, count: number): { from: number; weights: Float64Array }[] {
  const factor = size / count
  const scale = Math.max(1, factor)
  const [kernel, lobes] = factor > 1 ? ([lanczos3, 3] as const) : ([catmullRom, 2] as const)
  return Array.from({ length: count }, (_, i) => {
    // Where a picture grows, libvips samples at the corners of pixels: all of it moves by half a new pixel.
    const centre = factor > 1 ? (i + 0.5) * factor - 0.5 : i * factor - 0.5
    const first = Math.ceil(centre - lobes * scale)
    const last = Math.floor(centre + lobes * scale)
    // What lies beyond the border is the border's.
    const from = Math.max(0, Math.min(first, size - 1))
    const weights = new Float64Array(Math.max(0, Math.min(last, size - 1)) - from + 1)
    for (let k = first; k <= last; k++) {
      const at = Math.max(0, Math.min(k, size - 1)) - from
      weights[at] = weights[at]! + kernel((k - centre) / scale)
    }
    const sum = weights.reduce((a, b) => a + b, 0)
    return { from, weights: weights.map(weight => weight / sum) }
  })
}

function lanczos3(x: number): number {
  if (x === 0) return 1
  if (Math.abs(x) >= 3) return 0
  const pi = Math.PI * x
  return (3 * Math.sin(pi) * Math.sin(pi / 3)) / pi ** 2
}

function catmullRom(x: number): number {
  const t = Math.abs(x)
  if (t >= 2) return 0
  return t < 1 ? 1.5 * t ** 3 - 2.5 * t ** 2 + 1 : -0.5 * t ** 3 + 2.5 * t ** 2 - 4 * t + 2
}
