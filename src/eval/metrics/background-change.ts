/** How much of the picture changed that is not face. */
import type { Image } from '../../images/image.ts'
import type { Definition, Unmeasured } from './definition.ts'
import { sameSize } from './picture-pair.ts'

export const backgroundChangeDefinition: Definition = {
  id: 'background-change',
  name: 'Background change',
  unit: 'grey levels, 0..255',
  text:
    'Mean absolute difference of the sRGB bytes over the pixels outside of the mask of the mean face, laid where the ' +
    "original's face is.",
  source: 'MAE over a part of the picture',
}

export interface BackgroundChange {
  readonly mae: number
  /** Infinite where nothing changed. */
  readonly psnr: number
  /** Of the background. */
  readonly pixels: number
}

/**
 * The difference of two pictures outside of a mask.
 * @param mask [height, width], more than one half on the face
 */
export function backgroundChange(a: Image, b: Image, mask: ArrayLike<number>): BackgroundChange | Unmeasured {
  sameSize('backgroundChange', a, b)
  if (mask.length !== a.width * a.height)
    throw new Error(`backgroundChange: expected a mask of ${a.width * a.height} pixels, found ${mask.length}`)
  let [pixels, absolute, squared] = [0, 0, 0]
  for (let i = 0; i < mask.length; i++) {
    if (mask[i]! > 0.5) continue
    pixels++
    for (let k = 3 * i; k < 3 * i + 3; k++) {
      const difference = a.data[k]! - b.data[k]!
      absolute += Math.abs(difference)
      squared += difference ** 2
    }
  }
  if (pixels === 0) return { unmeasured: 'background change needs pixels outside of the mask, there are none' }
  return { mae: absolute / (3 * pixels), psnr: 10 * Math.log10(255 ** 2 / (squared / (3 * pixels))), pixels }
}
