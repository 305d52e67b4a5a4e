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
