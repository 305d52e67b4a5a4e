import { RandomStream } from '../../util/random.ts'
import { baseline, type Method } from '../methods/method.ts'

/** Normal noise on every byte. @param deviation in grey levels of 255 */
export function noise(deviation: number, seed = 0): Method {
  return baseline(`noise-${deviation}`, { method: 'noise', deviation, seed }, async () => ({ image, id }) => {
    const added = new RandomStream(seed, 'noise baseline', deviation, id).normals(image.data.length)
    const data = Uint8ClampedArray.from(image.data, (value, i) => value + deviation * added[i]!)
    return { ...image, data: new Uint8Array(data.buffer) }
  })
}
