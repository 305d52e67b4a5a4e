/** Kernel distance of two sets of features. */
import { RandomStream } from '../../util/random.ts'
import type { Definition, Unmeasured } from './definition.ts'
import type { Products } from './vectors.ts'

export const kidDefinition: Definition = {
  id: 'kid',
  name: 'KID',
  unit: 'about 0 or more; slightly negative for equal distributions',
  text:
    'Squared maximum mean discrepancy of the features of two sets of pictures under the kernel (x.y / d + 1)^3, the ' +
    'unbiased estimate; mean and standard deviation over 100 subsets of 1,000 pictures drawn without replacement with a ' +
    'seed, or one estimate of all pictures where there are no more than a subset holds. Feature network and resize mode ' +
    'are named beside it.',
  source: 'Binkowski et al., ICLR 2018; torch-fidelity kernel_inception_distance',
}

export interface Kid {
  readonly mean: number
  /** Over the subsets (divided by their number); none of a single estimate. */
  readonly deviation?: number
  readonly subsets: number
  readonly subsetSize: number
}

export interface KidOptions {
  /** 100 by default. */
  readonly subsets?: number
  /** 1,000 by default; never more than there are pictures. */
  readonly subsetSize?: number
  /** 0 by default. */
  readonly seed?: number
}

/** The kernel distance of two sets, given the dot products of their features. */
export function kid(
  products: Products,
  { subsets = 100, subsetSize = 1000, seed = 0 }: KidOptions = {},
): Kid | Unmeasured {
  const { rows, columns } = products
  const size = Math.min(subsetSize, rows, columns)
  if (size < 2) return { unmeasured: `KID needs two pictures or more on each side, there are ${size}` }
  // One subset of everything is the same however often it is drawn.
  if (size === rows && size === columns)
    return { mean: discrepancy(products, everything(rows), everything(columns)), subsets: 1, subsetSize: size }
  const random = new RandomStream(seed, 'kid subsets')
  const estimates = Array.from({ length: subsets }, () => {
    const [x, y] = [random.permutation(rows).subarray(0, size), random.permutation(columns).subarray(0, size)]
    return discrepancy(products, x, y)
  })
  const mean = estimates.reduce((sum, value) => sum + value, 0) / subsets
  const deviation = Math.sqrt(estimates.reduce((sum, value) => sum + (value - mean) ** 2, 0) / subsets)
  return { mean, deviation, subsets, subsetSize: size }
}

const everything = (count: number) => Uint32Array.from({ length: count }, (_, i) => i)

/** The unbiased estimate from the rows `x` of the one set and `y` of the other, as many of each. */
function discrepancy({ xx, xy, yy, rows, columns, dimensions }: Products, x: Uint32Array, y: Uint32Array): number {
  const kernel = (product: number) => (product / dimensions + 1) ** 3
  const m = x.length
  let [within, between] = [0, 0]
  for (let i = 0; i < m; i++)
    for (let j = 0; j < m; j++) {
      if (i !== j) within += kernel(xx[x[i]! * rows + x[j]!]!) + kernel(yy[y[i]! * columns + y[j]!]!)
      between += kernel(xy[x[i]! * columns + y[j]!]!)
    }
  return within / (m * (m - 1)) - (2 * between) / (m * m)
}

export const kidOthersDefinition: Definition = {
  id: 'kid-others',
  name: 'KID to other people',
  unit: 'about 0 or more; originals have exactly 0',
  text:
    'Squared maximum mean discrepancy of the features of protected and of original faces, cut out in FFHQ’s alignment at 256 x ' +
    '256, under the kernel (x.y / d + 1)^3, over pairs of different people alone: the mean kernel of two protected faces, plus ' +
    'that of two originals, minus twice that of a protected face and an original. No face is compared with its own original, ' +
    'so that a face that was left as it was gains nothing by that; it is the unbiased estimate for two sets of other ' +
    'people’s photos, with all pictures in each. The network is named beside it.',
  source: 'Binkowski et al., ICLR 2018; the sums over different people are this project’s',
}

/**
 * KID of two sets, a row of each for the same picture, over pairs of different people.
 * @param identities who is in each row
 * @returns the estimate with rows that count so often, NaN where no two people are left
 */
export function kidOthers(
  { xx, xy, yy, rows, columns, dimensions }: Products,
  identities: readonly string[],
): ((weights: Float64Array) => number) | Unmeasured {
  if (rows !== columns || rows !== identities.length)
    throw new Error(`kidOthers: expected as many rows as people, found ${rows}, ${columns} and ${identities.length}`)
  if (new Set(identities).size < 2) return { unmeasured: 'KID to other people needs two people or more, there is one' }
  const kernel = (product: number) => (product / dimensions + 1) ** 3
  const terms = new Float64Array(rows * rows)
  const people = identities.map(identity => identities.indexOf(identity))
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < rows; j++)
      if (people[i] !== people[j])
        terms[i * rows + j] =
          kernel(xx[i * rows + j]!) + kernel(yy[i * rows + j]!) - kernel(xy[i * rows + j]!) - kernel(xy[j * rows + i]!)
  return weights => {
    let [sum, total] = [0, 0]
    for (let i = 0; i < rows; i++) {
      if (weights[i] === 0) continue
      for (let j = 0; j < rows; j++) {
        if (people[i] === people[j]) continue
        sum += weights[i]! * weights[j]! * terms[i * rows + j]!
        total += weights[i]! * weights[j]!
      }
    }
    return sum / total
  }
}
