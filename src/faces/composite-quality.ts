/** How well a composite hides that it is one: measures of a photo before and after, within a mask of its pixels. */
import type { Image } from '../images/image.ts'
import { blur } from './filters.ts'
import { lumaOf } from './skin.ts'

export interface CompositeQuality {
  /** Energy of what a blur takes away, inside: root mean square after over before. 1 is as sharp and as grainy. */
  readonly detail: number
  /** Steepness across the mask's border: 90th percentile after over before. Above 1 a seam may show. */
  readonly border: number
  /** Median CIE L* of the inside, which is skin's, after less before. */
  readonly lightness: number
  /** Distance of the median CIE a* and b* of the inside. */
  readonly tint: number
}

/**
 * @param before, after photos of one size
 * @param mask width * height values in 0..1: 1 on the face
 * @param sigma of the blur of `detail` in pixels
 */
export function compositeQuality(before: Image, after: Image, mask: Float32Array, sigma = 2): CompositeQuality {
  if (before.width !== after.width || before.height !== after.height || mask.length !== before.width * before.height)
    throw new Error(
      `compositeQuality: expected one size, found ${before.width} x ${before.height}, ${after.width} x ${after.height}, a mask of ${mask.length}`,
    )
  const [p, q] = [medianLab(before, mask), medianLab(after, mask)]
  return {
    detail: detailIn(after, mask, sigma) / detailIn(before, mask, sigma),
    border: borderSteepness(after, mask) / borderSteepness(before, mask),
    lightness: q[0] - p[0],
    tint: Math.hypot(q[1] - p[1], q[2] - p[2]),
  }
}

function lumaOfImage({ data, width, height }: Image): Float32Array {
  const luma = new Float32Array(width * height)
  for (let i = 0; i < luma.length; i++) luma[i] = lumaOf(data, 3 * i)
  return luma
}

function detailIn(image: Image, mask: Float32Array, sigma: number): number {
  const { width, height } = image
  const luma = lumaOfImage(image)
  const smooth = blur({ width, height, channels: 1, data: luma }, sigma).data
  let [sum, total] = [0, 1e-9]
  for (let i = 0; i < luma.length; i++) {
    if (mask[i]! < 0.99) continue
    sum += (luma[i]! - smooth[i]!) ** 2
    total++
  }
  return Math.sqrt(sum / total) + 1e-6
}

/** The 90th percentile of luma's derivative across the border, from the pixels where the mask is soft. */
function borderSteepness(image: Image, mask: Float32Array): number {
  const { width, height } = image
  const luma = lumaOfImage(image)
  const steepness: number[] = []
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x
      if (mask[i]! < 0.02 || mask[i]! > 0.98) continue
      const [mx, my] = [mask[i + 1]! - mask[i - 1]!, mask[i + width]! - mask[i - width]!]
      const length = Math.hypot(mx, my)
      if (length < 1e-6) continue
      const [gx, gy] = [luma[i + 1]! - luma[i - 1]!, luma[i + width]! - luma[i - width]!]
      steepness.push(Math.abs(gx * mx + gy * my) / length)
    }
  }
  steepness.sort((a, b) => a - b)
  return (steepness[Math.floor(0.9 * steepness.length)] ?? 0) + 1e-6
}

/** Medians of L*, a* and b*, to which hair and eyes do not matter. */
function medianLab({ data }: Image, mask: Float32Array): [number, number, number] {
  const inside = mask.reduce((count, w) => count + (w < 0.99 ? 0 : 1), 0)
  const values = [0, 1, 2].map(() => new Float32Array(inside))
  for (let i = 0, n = 0; i < mask.length; i++) {
    if (mask[i]! < 0.99) continue
    const lab = toLab(data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!)
    for (let c = 0; c < 3; c++) values[c]![n] = lab[c]!
    n++
  }
  return values.map(list => list.sort()[list.length >> 1] ?? 0) as [number, number, number]
}

/** CIE L*a*b* (D65) of sRGB bytes. */
function toLab(red: number, green: number, blue: number): [number, number, number] {
  const [r, g, b] = [linear[red]!, linear[green]!, linear[blue]!]
  const x = labCurve((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047)
  const y = labCurve(0.2126 * r + 0.7152 * g + 0.0722 * b)
  const z = labCurve((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883)
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
}

const linear = Float64Array.from({ length: 256 }, (_, byte) =>
  byte <= 10 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4,
)

function labCurve(t: number): number {
  return t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27) * (t / 116) + 16 / 116
}
