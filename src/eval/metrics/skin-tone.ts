/** How much lighter, redder or yellower the skin of a face became. */

import type { Point } from '../../faces/template.ts'
import type { Image } from '../../images/image.ts'
import type { Definition, Unmeasured } from './definition.ts'
import { inside, skin } from './face-regions.ts'
import { sameSize } from './picture-pair.ts'

export const skinToneDefinition: Definition = {
  id: 'skin-tone',
  name: 'Skin tone difference',
  unit: 'CIE L*, a*, b*',
  text:
    'Mean CIE L*a*b* (D65) of the skin of the protected face minus that of the original’s: over the pixels of cheeks, nose ' +
    'and forehead by the original’s 68 landmarks whose L* lies within 15 of the median there in the original, so that hair ' +
    'and frames of glasses do not count. Of a picture signed or absolute, then the mean over pictures: of all, and of each ' +
    'skin group by the original’s individual typology angle, atan((L* - 50) / b*): light above 41 degrees, medium above ' +
    '10, dark below. The spread is the greatest minus the least of the groups’ signed means, over groups of five or more. ' +
    'Light counts as much as skin: the group is that of the photo.',
  source:
    'CIE 15:2004; groups of Del Bino and Bernerd, British Journal of Dermatology 169(s3), 2013, joined two by two',
}

/** [L*, a*, b*]. */
export type Lab = readonly [number, number, number]

/** How far a pixel's L* may be from the median of the region. */
const tolerance = 15
/** Fewer pixels than this are no skin. */
const leastPixels = 12

/**
 * Mean L*a*b* of the skin of a face in the original and in the same place of its version.
 * @param landmarks the 68 landmarks of the original, in its pixels
 */
export function skinTones(
  original: Image,
  version: Image,
  landmarks: readonly Point[],
): { readonly original: Lab; readonly version: Lab } | Unmeasured {
  sameSize('skinTones', original, version)
  const region = [...inside(original, skin(landmarks)).entries()].flatMap(([i, is]) => (is ? [i] : []))
  const lightness = region.map(i => labOf(original, i)[0])
  const median = lightness.toSorted((a, b) => a - b)[lightness.length >> 1] ?? Number.NaN
  const pixels = region.filter((_, k) => Math.abs(lightness[k]! - median) <= tolerance)
  if (pixels.length < leastPixels)
    return { unmeasured: `skin tone needs ${leastPixels} pixels of skin or more, there are ${pixels.length}` }
  return { original: meanLab(original, pixels), version: meanLab(version, pixels) }
}

export const skinGroups = ['light', 'medium', 'dark'] as const
export type SkinGroup = (typeof skinGroups)[number]

/** The group of a skin by its individual typology angle. */
export function skinGroup([l, , b]: Lab): SkinGroup {
  const angle = (Math.atan2(l - 50, b) * 180) / Math.PI
  return angle > 41 ? 'light' : angle > 10 ? 'medium' : 'dark'
}

function meanLab(image: Image, pixels: readonly number[]): Lab {
  const sum = [0, 0, 0]
  for (const i of pixels) for (const [c, value] of labOf(image, i).entries()) sum[c]! += value
  return [sum[0]! / pixels.length, sum[1]! / pixels.length, sum[2]! / pixels.length]
}

/** sRGB bytes -> linear light in 0..1 (IEC 61966-2-1). */
const linear = Float64Array.from({ length: 256 }, (_, byte) => {
  const c = byte / 255
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
})

/** CIE 1976 L*a*b* of a pixel under D65. */
function labOf({ data }: Image, i: number): Lab {
  const [r, g, b] = [linear[data[3 * i]!]!, linear[data[3 * i + 1]!]!, linear[data[3 * i + 2]!]!]
  const x = cube((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047)
  const y = cube(0.2126729 * r + 0.7151522 * g + 0.072175 * b)
  const z = cube((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883)
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
}

const cube = (t: number) => (t > (6 / 29) ** 3 ? Math.cbrt(t) : t / (3 * (6 / 29) ** 2) + 4 / 29)
