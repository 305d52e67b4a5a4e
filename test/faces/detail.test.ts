import { describe, expect, it } from 'vitest'
import { blur } from '../../src/faces/filters.ts'
import { collapse, laplacianPyramid } from '../../src/faces/laplacian.ts'
import { matchBand, matchDetail, seededGrain } from '../../src/faces/match-detail.ts'
import { removeGrid } from '../../src/faces/remove-grid.ts'
import type { Raster } from '../../src/faces/resample-similarity.ts'

/** Noise of a standard deviation, the same in all channels; a congruential generator, so that runs agree. */
function noise(width: number, height: number, deviation: number, seed = 1, level = 128): Raster {
  let state = seed
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const data = new Float32Array(width * height * 3)
  for (let i = 0; i < width * height; i++) {
    const value = level + deviation * (random() + random() + random() + random() - 2) * Math.sqrt(3)
    data.fill(value, 3 * i, 3 * i + 3)
  }
  return { width, height, channels: 3, data }
}

const deviation = (values: ArrayLike<number>) => {
  const list = Array.from(values)
  const mean = list.reduce((a, b) => a + b, 0) / list.length
  return Math.sqrt(list.reduce((sum, v) => sum + (v - mean) ** 2, 0) / list.length)
}

describe('blur', () => {
  it.each([0.8, 2, 5.3, 12])('spreads a point by the standard deviation %d and keeps its sum', sigma => {
    const data = new Float32Array(101 * 101)
    data[50 * 101 + 50] = 1
    const result = blur({ width: 101, height: 101, channels: 1, data }, sigma).data
    let [sum, square] = [0, 0]
    result.forEach((value, i) => {
      sum += value
      square += value * ((i % 101) - 50) ** 2
    })
    expect(sum).toBeCloseTo(1, 4)
    expect(Math.abs(Math.sqrt(square) - sigma)).toBeLessThan(0.25)
  })

  it('leaves a constant as it is, at the edges too', () => {
    const result = blur({ width: 30, height: 20, channels: 2, data: new Float32Array(1200).fill(7) }, 9).data
    for (const value of result) expect(value).toBeCloseTo(7, 4)
  })

  it('does not change its input', () => {
    const raster = noise(20, 20, 10)
    const before = raster.data.slice()
    blur(raster, 3)
    expect(raster.data).toEqual(before)
  })
})

describe('laplacianPyramid', () => {
  it.each([
    [64, 48],
    [37, 53],
  ])('collapses to the picture again, %i x %i', (width, height) => {
    const picture = noise(width, height, 40)
    const again = collapse(laplacianPyramid(picture, 4))
    expect([again.width, again.height]).toEqual([width, height])
    again.data.forEach((value, k) => {
      if (Math.abs(value - picture.data[k]!) > 1e-3) expect(value).toBe(picture.data[k]!)
    })
  })

  it('has nothing in its bands where the picture is constant', () => {
    const { bands } = laplacianPyramid({ width: 33, height: 40, channels: 1, data: new Float32Array(1320).fill(90) }, 3)
    for (const { data } of bands) for (const value of data) expect(Math.abs(value)).toBeLessThan(1e-3)
  })
})

describe('matchBand', () => {
  it('fills smooth skin with grain, and leaves edges that are as strong', () => {
    const { small, large, grain } = matchBand({ flat: 3, all: 5 }, { flat: 0, all: 4 }, 0)
    expect(small).toBeCloseTo(1, 3)
    expect(large).toBeCloseTo(1, 3)
    expect(grain).toBeCloseTo(3, 3)
  })

  it('weakens texture where the photo has less, and not the edges', () => {
    const { small, large, grain } = matchBand({ flat: 1, all: 4 }, { flat: 2, all: 4 }, 0)
    expect(small).toBeLessThan(0.6)
    expect(large).toBeGreaterThan(1)
    expect(grain).toBe(0)
  })
})

describe('matchDetail', () => {
  const kinds = new Uint8Array(96 * 96).fill(7)

  it.each([2, 6])('gives a smooth face the grain of a photo, %d of 255, and its mean stays', amount => {
    const photo = noise(96, 96, amount)
    const smooth = { ...photo, data: new Float32Array(photo.data.length).fill(100) }
    const result = matchDetail(photo, smooth, kinds, 3, seededGrain(1)).data
    const ratio = deviation(result) / deviation(photo.data)
    expect(ratio).toBeGreaterThan(0.85)
    expect(ratio).toBeLessThan(1.15)
    expect(result.reduce((a, b) => a + b, 0) / result.length).toBeCloseTo(100, 0)
  })

  it('makes a grainy face as smooth as the photo', () => {
    const photo = noise(96, 96, 1)
    const result = matchDetail(photo, noise(96, 96, 8, 5), kinds, 3, seededGrain(1)).data
    expect(deviation(result)).toBeLessThan(3)
  })

  it('takes wrinkles of a face in smooth surroundings for no grain, and keeps the grain that both have', () => {
    const left = new Uint8Array(96 * 96).map((_, i) => (i % 96 < 48 ? 7 : 0))
    const grainy = noise(96, 96, 6)
    const smooth = { ...grainy, data: new Float32Array(grainy.data.length).fill(100) }
    const wrinkled = {
      ...grainy,
      data: grainy.data.map((value, k) => (Math.floor(k / 3) % 96 < 48 ? value : 128)),
    }
    const [ofWrinkled, ofGrainy] = [wrinkled, grainy].map(photo =>
      deviation(matchDetail(photo, smooth, left, 3, seededGrain(1)).data),
    )
    expect(ofWrinkled).toBeLessThan(0.2 * ofGrainy!)
    expect(ofGrainy! / 6).toBeGreaterThan(0.85)
  })

  it('is the same for the same seed, and another for another', () => {
    const photo = noise(96, 96, 4)
    const smooth = { ...photo, data: new Float32Array(photo.data.length).fill(100) }
    const run = (seed: number) => matchDetail(photo, smooth, kinds, 3, seededGrain(seed)).data
    expect(run(1)).toEqual(run(1))
    expect(run(1)).not.toEqual(run(2))
  })
})

describe('removeGrid', () => {
  const picture = (value: (x: number, y: number) => number) => {
    const data = new Uint8Array(128 * 128 * 3)
    for (let i = 0; i < 128 * 128; i++) data.fill(value(i % 128, Math.floor(i / 128)), 3 * i, 3 * i + 3)
    return { width: 128, height: 128, data }
  }

  it('takes a grid of period 4 away', () => {
    const grid = (x: number, y: number) => 4 * (x % 4 < 2 ? 1 : -1) * (y % 4 < 2 ? 1 : -1)
    const { data } = removeGrid(picture((x, y) => 120 + x / 4 + grid(x, y)))
    let rest = 0
    for (let y = 20; y < 108; y++) {
      for (let x = 20; x < 108; x++) rest += Math.abs(data[3 * (y * 128 + x)]! - 120 - x / 4)
    }
    expect(rest / 88 ** 2).toBeLessThan(1.2) // of 4
  })

  it('leaves a picture without one about as it is', () => {
    const grain = noise(128, 128, 5)
    const image = picture((x, y) => Math.round(grain.data[3 * (y * 128 + x)]!))
    const { data } = removeGrid(image)
    const change = deviation(data.map((value, k) => value - image.data[k]!))
    expect(change).toBeLessThan(1.5)
  })
})
