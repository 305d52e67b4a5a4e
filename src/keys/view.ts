/** The small version of a protected picture that its key holds, by which edited copies of it are known. */
import { encodeImage, readImage, resizeImage } from '#codec'
import type { Image } from '../images/image.ts'
import type { PhotoKey } from './key.ts'
import { type Registration, register } from './register.ts'

/** Longest side, and JPEG quality: about 30 kB. */
const side = 512
const quality = 75

/** From this correlation on a picture is a copy: copies reach 0.97, other photos 0.21 at most (docs/security.md). */
const leastMatch = 0.7

/** The file of the small version. */
export async function viewOf(picture: Image): Promise<Uint8Array> {
  const { width, height } = picture
  const scale = Math.min(1, side / Math.max(width, height))
  const small = [width, height].map(length => Math.max(1, Math.round(length * scale))) as [number, number]
  return encodeImage(await resizeImage(picture, ...small), 'jpeg', quality)
}

/** Where an edited picture lies in the one that a key is of; undefined where it is no copy, or the key holds no view. */
export async function findEdited(
  edited: Image,
  { view, size }: Pick<PhotoKey, 'view' | 'size'>,
): Promise<Registration | undefined> {
  if (!view || !size) return undefined
  const found = await register(edited, await readImage(view, 'the view in the key'), size)
  return found.match >= leastMatch ? found : undefined
}

/** What was done to a picture, in words: 'scaled to 50.0 %, cut to 70 x 80 % of it'. */
export function describeEdit(
  { transform: { a, b } }: Registration,
  edited: Pick<Image, 'width' | 'height'>,
  size: Pick<Image, 'width' | 'height'>,
): string {
  const scale = Math.hypot(a, b)
  const angle = (Math.atan2(b, a) * 180) / Math.PI
  const [across, along] = [(edited.width * scale) / size.width, (edited.height * scale) / size.height]
  const percent = (share: number) => (100 * Math.min(1, share)).toFixed(0)
  const edits = [
    ...(Math.abs(scale - 1) > 0.002 ? [`scaled to ${(100 / scale).toFixed(1)} %`] : []),
    ...(Math.min(across, along) < 0.995 ? [`cut to ${percent(across)} x ${percent(along)} % of it`] : []),
    ...(Math.abs(angle) > 0.2 ? [`turned by ${angle.toFixed(1)} degrees`] : []),
  ]
  return edits.length > 0 ? edits.join(', ') : 'encoded again'
}
