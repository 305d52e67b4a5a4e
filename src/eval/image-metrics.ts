/** How alike two pictures of one size are, pixel by pixel. */
import type { Image } from '../data/image.ts'

/** Peak signal-to-noise ratio in decibels over all channels, peak 255; infinite for equal pictures. */
export function psnr(a: Image, b: Image): number {
  sameSize('psnr', a, b)
  let sum = 0
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i]! - b.data[i]!) ** 2
  return 10 * Math.log10(255 ** 2 / (sum / a.data.length))
}

/** Weights of the 11 taps of a Gaussian of deviation 1.5. */
const gaussian = (() => {
  const taps = Array.from({ length: 11 }, (_, i) => Math.exp(-((i - 5) ** 2) / (2 * 1.5 ** 2)))
  const sum = taps.reduce((a, b) => a + b, 0)
  return taps.map(tap => tap / sum)
})()

/**
 * Structural similarity (Wang et al., IEEE TIP 13(4), 2004) of the luma (BT.601) of two pictures at least 11 pixels wide
 * and high: 11 x 11 Gaussian windows of deviation 1.5 that lie whole in the picture, K1 = 0.01, K2 = 0.03, L = 255.
 */
export function ssim(a: Image, b: Image): number {
  sameSize('ssim', a, b)
  const { width, height } = a
  const taps = gaussian.length
  if (width < taps || height < taps)
    throw new Error(`ssim: expected pictures of at least ${taps} x ${taps}, found ${width} x ${height}`)
  const [x, y] = [luma(a), luma(b)]
  const average = (of: (x: number, y: number) => number) =>
    smooth(
      x.map((value, i) => of(value, y[i]!)),
      width,
      height,
    )
  const meanX = average(x => x)
  const meanY = average((_, y) => y)
  const squareX = average(x => x * x)
  const squareY = average((_, y) => y * y)
  const product = average((x, y) => x * y)
  const [c1, c2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2]
  let sum = 0
  for (const [i, mx] of meanX.entries()) {
    const my = meanY[i]!
    const variances = squareX[i]! - mx * mx + squareY[i]! - my * my
    const covariance = product[i]! - mx * my
    sum += ((2 * mx * my + c1) * (2 * covariance + c2)) / ((mx * mx + my * my + c1) * (variances + c2))
  }
  return sum / meanX.length
}

function luma({ data }: Image): Float64Array {
  return Float64Array.from(
    { length: data.length / 3 },
    (_, i) => 0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!,
  )
}

/** Gaussian average around every pixel whose window lies whole in the picture. */
function smooth(values: Float64Array, width: number, height: number): Float64Array {
  const [w, h] = [width - gaussian.length + 1, height - gaussian.length + 1]
  const rows = Float64Array.from({ length: w * height }, (_, i) => {
    const start = Math.floor(i / w) * width + (i % w)
    return gaussian.reduce((sum, tap, k) => sum + tap * values[start + k]!, 0)
  })
  return Float64Array.from({ length: w * h }, (_, i) =>
    gaussian.reduce((sum, tap, k) => sum + tap * rows[i + k * w]!, 0),
  )
}

function sameSize(name: string, a: Image, b: Image): void {
  if (a.width !== b.width || a.height !== b.height)
    throw new Error(
      `${name}: expected pictures of one size, found ${a.width} x ${a.height} and ${b.width} x ${b.height}`,
    )
}
