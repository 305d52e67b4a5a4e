/** Is there a seam where the protected face ends and the photo begins? */

import { blur } from '../../faces/filters.ts'
import type { Raster } from '../../faces/resample-similarity.ts'
import type { Point } from '../../faces/template.ts'
import type { Image } from '../../images/image.ts'
import { quantile } from './bootstrap.ts'
import type { Definition, Unmeasured } from './definition.ts'
import { convexHull, eyeDistance, inside } from './face-regions.ts'
import { cutOut } from './luma.ts'
import { sameSize } from './picture-pair.ts'

export const borderGradientDefinition: Definition = {
  id: 'border-gradient',
  name: 'Gradient across the border',
  unit: 'ratio; 1 is ideal',
  text:
    'Median size of the derivative of the colour (root mean square over R, G and B) across the border of the changed region, ' +
    'in the protected picture over the same in the original; the 90th percentile over pictures. The changed region is where ' +
    'the pictures differ by more than 6 levels in some channel, after a blur of 1.5 % of the distance of the eyes (at least ' +
    '0.7 pixels), as far as it is connected with the inside of the face, without holes. Across is along the gradient of ' +
    'this region blurred by 6 % of the distance of the eyes, and the derivative is that of the pictures blurred as for ' +
    'the difference; all pixels count at which the blurred region is between 0.05 and 0.95. A seam makes it larger than 1, a ' +
    'smoother border smaller.',
  source: 'this project',
}

/** Difference of two colours that is no trace of compression, in levels. */
const changed = 6
/** Blurs relative to the distance of the eyes: of the pictures, and of the region whose border is looked at. */
const [pictureBlur, regionBlur] = [0.015, 0.06]
/** How far around the landmarks something that was changed may reach, relative to the distance of the eyes. */
const reach = 2

/**
 * Median gradient across the border of what was changed, in the version over the original.
 * @param landmarks the 68 landmarks of the original, in its pixels
 */
export function borderGradientRatio(original: Image, version: Image, landmarks: readonly Point[]): number | Unmeasured {
  sameSize('borderGradientRatio', original, version)
  const e = eyeDistance(landmarks)
  const cut = (image: Image) => cutOut(image, landmarks, reach * e)
  const { part, left, top } = cut(original)
  const soft = (image: Image) =>
    blur({ ...image, channels: 3, data: Float32Array.from(image.data) }, Math.max(0.7, pictureBlur * e))
  const [before, after] = [soft(part), soft(cut(version).part)]
  const face = convexHull(landmarks.map(({ x, y }) => ({ x: x - left, y: y - top })))
  const region = connected(difference(before, after), inside(part, [face]), part)
  const border = blur({ ...part, channels: 1, data: Float32Array.from(region) }, Math.max(1, regionBlur * e))
  const slopes: { readonly before: number[]; readonly after: number[] } = { before: [], after: [] }
  const { width, height } = part
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x
      const share = border.data[i]!
      if (share < 0.05 || share > 0.95) continue
      const nx = border.data[i + 1]! - border.data[i - 1]!
      const ny = border.data[i + width]! - border.data[i - width]!
      const length = Math.hypot(nx, ny)
      if (length < 1e-6) continue
      slopes.before.push(slope(before, i, nx / length, ny / length))
      slopes.after.push(slope(after, i, nx / length, ny / length))
    }
  if (slopes.before.length === 0)
    return { unmeasured: 'the gradient across the border needs a face that was changed within its photo' }
  const [usual, found] = [median(slopes.before), median(slopes.after)]
  return usual > 0 ? found / usual : { unmeasured: 'the original is one colour around the border' }
}

const median = (values: readonly number[]) => quantile(Float64Array.from(values).sort(), 0.5)

/** The root mean square over channels of the derivative in a direction, in levels a pixel. */
function slope({ data, width }: Raster, i: number, nx: number, ny: number): number {
  let sum = 0
  for (let c = 0; c < 3; c++) {
    const dx = data[3 * (i + 1) + c]! - data[3 * (i - 1) + c]!
    const dy = data[3 * (i + width) + c]! - data[3 * (i - width) + c]!
    sum += (nx * dx + ny * dy) ** 2
  }
  return Math.sqrt(sum / 3) / 2
}

/** Where the greatest difference of the channels is above what compression does: 1 there, 0 elsewhere. */
function difference(a: Raster, b: Raster): Uint8Array {
  return Uint8Array.from({ length: a.width * a.height }, (_, i) =>
    [0, 1, 2].some(c => Math.abs(a.data[3 * i + c]! - b.data[3 * i + c]!) > changed) ? 1 : 0,
  )
}

/** What of a region is connected with its part inside of the face, and the holes in that. */
function connected(region: Uint8Array, face: Uint8Array, size: { width: number; height: number }): Uint8Array {
  const grown = flood(
    region.map((is, i) => (is && face[i] ? 1 : 0)),
    region,
    size,
  )
  const { width, height } = size
  const edge = grown.map((is, i) => {
    const [x, y] = [i % width, Math.floor(i / width)]
    return !is && (x === 0 || y === 0 || x === width - 1 || y === height - 1) ? 1 : 0
  })
  const outside = flood(
    edge,
    grown.map(is => 1 - is),
    size,
  )
  return outside.map(is => 1 - is)
}

/** All pixels where `open` is 1 that a path through such pixels, side by side, leads to from where `start` is 1. */
function flood(start: Uint8Array, open: Uint8Array, { width, height }: { width: number; height: number }): Uint8Array {
  const seen = Uint8Array.from(start)
  const stack = [...start.entries()].flatMap(([i, is]) => (is ? [i] : []))
  const visit = (i: number) => {
    if (!open[i] || seen[i]) return
    seen[i] = 1
    stack.push(i)
  }
  for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
    const x = i % width
    if (x > 0) visit(i - 1)
    if (x < width - 1) visit(i + 1)
    if (i >= width) visit(i - width)
    if (i < width * (height - 1)) visit(i + width)
  }
  return seen
}
