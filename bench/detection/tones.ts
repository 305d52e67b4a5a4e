/** Faces by the lightness of their skin. */

import type { Point } from '../../src/faces/template.ts'
import type { Image } from '../../src/images/image.ts'
import type { SourceFace } from './sources.ts'

export const tones = ['light', 'medium', 'dark'] as const

/** Equal thirds of faces, by the lightness of their cheeks. */
export function byTone(faces: readonly SourceFace[]): Record<(typeof tones)[number], SourceFace[]> {
  const sorted = faces.toSorted((p, q) => lightness(q) - lightness(p))
  const third = Math.ceil(faces.length / 3)
  return { light: sorted.slice(0, third), medium: sorted.slice(third, 2 * third), dark: sorted.slice(2 * third) }
}

/** Mean CIE L* of squares half way between the eyes and the corners of the mouth. */
function lightness({ picture, box, points }: SourceFace): number {
  const [left, right, , mouthLeft, mouthRight] = points as [Point, Point, Point, Point, Point]
  const radius = 0.06 * Math.sqrt(box.width * box.height)
  const values = [
    [left, mouthLeft],
    [right, mouthRight],
  ].flatMap(([eye, mouth]) => squareOf(picture, { x: (eye!.x + mouth!.x) / 2, y: (eye!.y + mouth!.y) / 2 }, radius))
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function squareOf({ width, height, data }: Image, { x, y }: Point, radius: number): number[] {
  const values: number[] = []
  for (let row = Math.floor(y - radius); row <= y + radius; row++)
    for (let column = Math.floor(x - radius); column <= x + radius; column++) {
      if (row < 0 || column < 0 || row >= height || column >= width) continue
      const [r, g, b] = data.subarray(3 * (row * width + column)) as unknown as [number, number, number]
      const luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
      values.push(116 * Math.cbrt(luminance) - 16)
    }
  return values
}

/** sRGB's transfer function, 0..255 to 0..1. */
function linear(value: number): number {
  const v = value / 255
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
}
