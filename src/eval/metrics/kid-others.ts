import type { Definition, Unmeasured } from './definition.ts'
import type { Products } from './vectors.ts'

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
