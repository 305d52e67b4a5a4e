/** The map that SSIM and MS-SSIM are means of. */
import type { Image } from '../../images/image.ts'
import type { Definition, Unmeasured } from './definition.ts'
import { channels, luma, sameSize } from './picture-pair.ts'

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

export const ssimDefinition: Definition = {
  id: 'ssim',
  name: 'SSIM',
  unit: '-1..1; 1 for equal pictures',
  text:
    'Mean structural similarity of the sRGB bytes, the mean of the three channels: 11 x 11 Gaussian windows of deviation ' +
    '1.5 that lie whole in the picture, population covariances, K1 = 0.01, K2 = 0.03, range 255.',
  source:
    'Wang et al., IEEE TIP 13(4), 2004; scikit-image structural_similarity(channel_axis=-1, gaussian_weights=True, ' +
    'sigma=1.5, use_sample_covariance=False, data_range=255)',
}

/**
 * Structural similarity of two pictures at least 11 pixels wide and high.
 * @param of the mean of the three channels' similarities, or that of the luma
 */
export function ssim(a: Image, b: Image, of: 'rgb' | 'luma' = 'rgb'): number {
  sameSize('ssim', a, b)
  const { width, height } = a
  if (width < windowSize || height < windowSize)
    throw new Error(`ssim: expected pictures of at least ${windowSize} x ${windowSize}, found ${width} x ${height}`)
  const split = (image: Image) => (of === 'luma' ? [luma(image)] : channels(image))
  const [x, y] = [split(a), split(b)]
  const each = x.map((values, c) => similarityMeans({ width, height, values }, { width, height, values: y[c]! }).ssim)
  return each.reduce((sum, value) => sum + value, 0) / each.length
}

export const msSsimDefinition: Definition = {
  id: 'ms-ssim',
  name: 'MS-SSIM',
  unit: '0..1; 1 for equal pictures',
  text:
    'Multi-scale structural similarity: the product over five scales, each half as large as the one before (means of ' +
    '2 x 2 pixels), of the contrast term of SSIM and at the last scale of SSIM itself, to the powers 0.0448, 0.2856, ' +
    '0.3001, 0.2363, 0.1333, negative terms counting as 0; of each of the three channels, then their mean. Pictures of ' +
    'less than 161 pixels a side are too small for the last window and have none.',
  source: 'Wang, Simoncelli and Bovik, Asilomar 2003; pytorch-msssim ms_ssim(data_range=255)',
}

/** Wang, Simoncelli and Bovik's exponents, from the finest scale to the coarsest. */
const exponents = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]

/** Multi-scale structural similarity of two pictures of one size. */
export function msSsim(a: Image, b: Image): number | Unmeasured {
  sameSize('msSsim', a, b)
  const { width, height } = a
  const least = (windowSize - 1) * 2 ** (exponents.length - 1) + 1
  if (Math.min(width, height) < least)
    return { unmeasured: `MS-SSIM needs pictures of ${least} x ${least} or more, these are ${width} x ${height}` }
  const [x, y] = [channels(a), channels(b)]
  const each = x.map((values, c) => ofChannel({ width, height, values }, { width, height, values: y[c]! }))
  return each.reduce((sum, value) => sum + value, 0) / each.length
}

function ofChannel(a: Channel, b: Channel): number {
  let [x, y] = [a, b]
  return exponents.reduce((product, exponent, scale) => {
    const { ssim, contrast } = similarityMeans(x, y)
    const term = scale === exponents.length - 1 ? ssim : contrast
    ;[x, y] = [halve(x), halve(y)]
    return product * Math.max(term, 0) ** exponent
  }, 1)
}

/** Means of 2 x 2 pixels. An odd side begins with a zero, which counts: torch's avg_pool2d with padding. */
function halve({ width, height, values }: Channel): Channel {
  const [oddX, oddY] = [width % 2, height % 2]
  const [w, h] = [(width + oddX) / 2, (height + oddY) / 2]
  const at = (x: number, y: number) => (x < 0 || y < 0 ? 0 : values[y * width + x]!)
  const halved = new Float64Array(w * h)
  for (let j = 0; j < h; j++)
    for (let i = 0; i < w; i++) {
      const [x, y] = [2 * i - oddX, 2 * j - oddY]
      halved[j * w + i] = (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1)) / 4
    }
  return { width: w, height: h, values: halved }
}
