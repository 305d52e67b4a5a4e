import sharp from 'sharp'
import { template } from '../faces/template.ts'
import type { Image } from '../images/image.ts'
import { RandomStream } from '../util/random.ts'
import { baseline, type Method } from './methods/method.ts'

/** Gaussian blur of the whole aligned face. @param deviation in pixels */
export function blur(deviation: number): Method {
  return baseline(`blur-${deviation}`, { method: 'blur', deviation }, async () => async ({ image }) => {
    const { width, height, data } = image
    const blurred = await sharp(data, { raw: { width, height, channels: 3 } })
      .blur(deviation)
      .raw()
      .toBuffer()
    return { width, height, data: new Uint8Array(blurred) }
  })
}

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

/** Every face becomes the mean of all faces that are evaluated, its own among them. */
export function meanFace(): Method {
  const method = baseline('mean-face', { method: 'mean-face' }, async faces => {
    const { size } = faces.store
    const sum = new Float64Array(size * size * 3)
    for (const index of faces.indices)
      for (const [i, value] of (await faces.store.bytes([index])).entries()) sum[i]! += value
    const data = Uint8Array.from(sum, value => Math.round(value / faces.indices.length))
    return () => ({ width: size, height: size, data })
  })
  return { ...method, ofAllFaces: true }
}

/** Normal noise on every byte. @param deviation in grey levels of 255 */
export function noise(deviation: number, seed = 0): Method {
  return baseline(`noise-${deviation}`, { method: 'noise', deviation, seed }, async () => ({ image, id }) => {
    const added = new RandomStream(seed, 'noise baseline', deviation, id).normals(image.data.length)
    const data = Uint8ClampedArray.from(image.data, (value, i) => value + deviation * added[i]!)
    return { ...image, data: new Uint8Array(data.buffer) }
  })
}

/** Squares of `block` x `block` pixels, each in its mean colour. */
export function pixelate(block: number): Method {
  return baseline(
    `pixelate-${block}`,
    { method: 'pixelate', block },
    async () =>
      ({ image }) =>
        pixelated(image, block),
  )
}

function pixelated({ width, height, data }: Image, block: number): Image {
  const result = new Uint8Array(data.length)
  for (let top = 0; top < height; top += block)
    for (let left = 0; left < width; left += block) {
      const places: number[] = []
      for (let y = top; y < Math.min(top + block, height); y++)
        for (let x = left; x < Math.min(left + block, width); x++) places.push(3 * (y * width + x))
      for (let c = 0; c < 3; c++) {
        const mean = places.reduce((sum, place) => sum + data[place + c]!, 0) / places.length
        for (const place of places) result[place + c] = Math.round(mean)
      }
    }
  return { width, height, data: result }
}
