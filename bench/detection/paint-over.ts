/** Pictures without their faces: backgrounds to put others into, and photos without people. */
import type { Image } from '../../src/images/image.ts'
import type { Place } from './sources.ts'

/** Half axes of what is painted over, relative to the side of a face's box: hair, ears and chin too. */
const reach = { x: 1, y: 1.3 }

/** Side in cells of the grid of colours that what is painted over is interpolated from. */
const grid = 12

/** A picture in which smooth colours of what is around them take the place of faces. */
export function paintOver(picture: Image, places: readonly Place[]): Image {
  const covered = coverage(picture, places)
  const colours = colourGrid(picture, covered)
  const data = Uint8Array.from(picture.data)
  for (let y = 0, i = 0; y < picture.height; y++)
    for (let x = 0; x < picture.width; x++, i++) {
      if (covered[i] === 0) continue
      const [u, v] = [((x + 0.5) / picture.width) * grid - 0.5, ((y + 0.5) / picture.height) * grid - 0.5]
      for (let c = 0; c < 3; c++) {
        const k = 3 * i + c
        data[k] = Math.round(data[k]! + covered[i]! * (bilinear(colours[c]!, u, v) - data[k]!))
      }
    }
  return { ...picture, data }
}

/** How much of each pixel is painted over, 0..1. */
function coverage({ width, height }: Image, places: readonly Place[]): Float32Array {
  const covered = new Float32Array(width * height)
  for (const { box } of places) {
    const side = Math.sqrt(box.width * box.height)
    const centre = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        const radius = Math.hypot((x - centre.x) / (reach.x * side), (y - centre.y) / (reach.y * side))
        covered[i] = Math.max(covered[i]!, Math.min(1, Math.max(0, (1 - radius) * 8)))
      }
  }
  return covered
}

/** For each channel the mean colours of cells of the picture, of what is not painted over; cells without any take their neighbours'. */
function colourGrid({ width, height, data }: Image, covered: Float32Array): Float32Array[] {
  const sums = [0, 1, 2].map(() => new Float32Array(grid * grid))
  const weights = new Float32Array(grid * grid)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const cell = Math.floor((y * grid) / height) * grid + Math.floor((x * grid) / width)
      const weight = covered[i] === 0 ? 1 : 1e-6
      weights[cell]! += weight
      for (let c = 0; c < 3; c++) sums[c]![cell]! += weight * data[3 * i + c]!
    }
  const cells = (width * height) / grid ** 2
  const isKnown = Array.from(weights, weight => weight > 0.05 * cells)
  const means = sums.map(sum => sum.map((value, cell) => (isKnown[cell] ? value / weights[cell]! : 128)))
  // Laplace's equation where nothing is known.
  for (let round = 0; round < 200; round++)
    for (const mean of means)
      for (let cell = 0; cell < mean.length; cell++) {
        if (isKnown[cell]) continue
        const [x, y] = [cell % grid, Math.floor(cell / grid)]
        const at = (x: number, y: number) =>
          mean[Math.min(grid - 1, Math.max(0, y)) * grid + Math.min(grid - 1, Math.max(0, x))]!
        mean[cell] = (at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1)) / 4
      }
  return means
}

function bilinear(cells: Float32Array, u: number, v: number): number {
  const within = (t: number) => Math.min(grid - 1, Math.max(0, t))
  const [x, y] = [Math.floor(u), Math.floor(v)]
  const at = (x: number, y: number) => cells[within(y) * grid + within(x)]!
  const [s, t] = [u - x, v - y]
  return (at(x, y) * (1 - s) + at(x + 1, y) * s) * (1 - t) + (at(x, y + 1) * (1 - s) + at(x + 1, y + 1) * s) * t
}
