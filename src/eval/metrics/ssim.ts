import type { Image } from '../../images/image.ts'
import type { Definition } from './definition.ts'
import { channels, luma, sameSize } from './picture-pair.ts'
import { similarityMeans, windowSize } from './structural-similarity.ts'

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
