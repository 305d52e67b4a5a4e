import sharp from 'sharp'
import { baseline, type Method } from '../methods/method.ts'

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
