import type { Image } from '../../images/image.ts'
import type { Definition } from './definition.ts'
import { sameSize } from './picture-pair.ts'

export const maeDefinition: Definition = {
  id: 'mae',
  name: 'MAE',
  unit: 'grey levels, 0..255',
  text: 'Mean absolute difference of the sRGB bytes of two pictures, over all pixels and the three channels.',
  source: 'numpy mean(abs(a - b))',
}

/** The mean absolute difference of two pictures' bytes. */
export function mae(a: Image, b: Image): number {
  sameSize('mae', a, b)
  let sum = 0
  for (let i = 0; i < a.data.length; i++) sum += Math.abs(a.data[i]! - b.data[i]!)
  return sum / a.data.length
}

export const psnrDefinition: Definition = {
  id: 'psnr',
  name: 'PSNR',
  unit: 'dB; infinite for equal pictures',
  text:
    'Peak signal-to-noise ratio of two pictures: 10 log10(255^2 / MSE), with the mean squared error over all pixels and ' +
    'the three channels of the sRGB bytes. Of several pictures, the mean of their ratios.',
  source: 'scikit-image peak_signal_noise_ratio(data_range=255)',
}

/** Peak signal-to-noise ratio in decibels over all channels, peak 255; infinite for equal pictures. */
export function psnr(a: Image, b: Image): number {
  sameSize('psnr', a, b)
  let sum = 0
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i]! - b.data[i]!) ** 2
  return 10 * Math.log10(255 ** 2 / (sum / a.data.length))
}
