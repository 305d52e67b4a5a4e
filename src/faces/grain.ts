/** The white noise that a composite's grain is made of. */
import { type Randomness, RandomStream } from '../util/random.ts'

/** `count` numbers of mean 0 and standard deviation about 1, for the band of a pyramid. */
export type Grain = (count: number, level: number) => Float32Array

/** The grain of a face: of a secret from its own stream; else, as of a seed, it is public, and always the same. */
export function grainOf(randomness?: Randomness, identity = ''): Grain {
  if (typeof randomness === 'string')
    return (count, level) => new RandomStream(randomness, 'grain', identity, level).normals(count)
  return seededGrain(1)
}

/** About normal: sums of the four bytes of a hash (lowbias32, by C. Wellons) of seed, level and place. */
export function seededGrain(seed: number): Grain {
  return (count, level) => {
    const noise = new Float32Array(count)
    const start = Math.imul(seed + level + 1, 0x9e3779b9)
    for (let i = 0; i < count; i++) {
      let h = (i ^ start) >>> 0
      h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
      h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
      h ^= h >>> 16
      noise[i] = ((h & 255) + ((h >>> 8) & 255) + ((h >>> 16) & 255) + (h >>> 24) - 510) / 148
    }
    return noise
  }
}
