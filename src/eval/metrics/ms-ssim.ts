import type { Image } from '../../images/image.ts'
import type { Definition, Unmeasured } from './definition.ts'
import { channels, sameSize } from './picture-pair.ts'
import { type Channel, similarityMeans, windowSize } from './structural-similarity.ts'

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
