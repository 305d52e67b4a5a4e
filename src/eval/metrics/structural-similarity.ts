/** The map that SSIM and MS-SSIM are means of. */

/** Weights of the 11 taps of a Gaussian of deviation 1.5. */
const gaussian = (() => {
  const taps = Array.from({ length: 11 }, (_, i) => Math.exp(-((i - 5) ** 2) / (2 * 1.5 ** 2)))
  const sum = taps.reduce((a, b) => a + b, 0)
  return taps.map(tap => tap / sum)
})()

/** Side of the window. */
export const windowSize = gaussian.length

/** One channel of a picture, [height, width] in 0..255. */
export interface Channel {
  readonly width: number
  readonly height: number
  readonly values: Float64Array
}

/**
 * Mean structural similarity of two channels, and of its factor for contrast and structure alone (Wang et al., IEEE TIP
 * 13(4), 2004, equations 13 and 6): 11 x 11 Gaussian windows of deviation 1.5 that lie whole in the picture, covariances
 * without Bessel's correction, K1 = 0.01, K2 = 0.03, L = 255.
 */
export function similarityMeans(a: Channel, b: Channel): { ssim: number; contrast: number } {
  const { width, height } = a
  const [x, y] = [a.values, b.values]
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
  let [ssim, contrast] = [0, 0]
  for (const [i, mx] of meanX.entries()) {
    const my = meanY[i]!
    const variances = squareX[i]! - mx * mx + squareY[i]! - my * my
    const covariance = product[i]! - mx * my
    const factor = (2 * covariance + c2) / (variances + c2)
    contrast += factor
    ssim += (factor * (2 * mx * my + c1)) / (mx * mx + my * my + c1)
  }
  return { ssim: ssim / meanX.length, contrast: contrast / meanX.length }
}

/** Gaussian average around every pixel whose window lies whole in the picture. */
function smooth(values: Float64Array, width: number, height: number): Float64Array {
  const [w, h] = [width - windowSize + 1, height - windowSize + 1]
  const rows = new Float64Array(w * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < w; x++) {
      let sum = 0
      for (let k = 0; k < windowSize; k++) sum += gaussian[k]! * values[y * width + x + k]!
      rows[y * w + x] = sum
    }
  const averages = new Float64Array(w * h)
  for (let i = 0; i < averages.length; i++) {
    let sum = 0
    for (let k = 0; k < windowSize; k++) sum += gaussian[k]! * rows[i + k * w]!
    averages[i] = sum
  }
  return averages
}
