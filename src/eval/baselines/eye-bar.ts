import { template } from '../../faces/template.ts'
import { baseline, type Method } from '../methods/method.ts'

/** Half the bar's height and how far it reaches beyond the eyes' centres, in distances between the eyes. */
const halfHeight = 0.3
const beyond = 0.5

/** A black bar over the eyes, where the template has them. */
export function eyeBar(): Method {
  return baseline('eye-bar', { method: 'eye-bar' }, async () => ({ image }) => {
    const { width, height } = image
    const [left, right] = template(width) as [{ x: number; y: number }, { x: number; y: number }]
    const distance = right.x - left.x
    const row = (left.y + right.y) / 2
    const data = image.data.slice()
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const isCovered =
          Math.abs(y + 0.5 - row) < halfHeight * distance &&
          x + 0.5 > left.x - beyond * distance &&
          x + 0.5 < right.x + beyond * distance
        if (isCovered) data.fill(0, 3 * (y * width + x), 3 * (y * width + x) + 3)
      }
    return { width, height, data }
  })
}
