import { RandomStream } from '../util/random.ts'

/**
 * Which items make up the batch of a step: each epoch goes through all of them in a random order of its own, batches
 * running on over its end. A function of its arguments alone.
 */
export function batchIndices(step: number, batchSize: number, count: number, seed: number): number[] {
  return Array.from({ length: batchSize }, (_, i) => {
    const position = step * batchSize + i
    return epochOrder(Math.floor(position / count), count, seed)[position % count]!
  })
}

let cached: { key: string; order: Uint32Array } | undefined

function epochOrder(epoch: number, count: number, seed: number): Uint32Array {
  const key = `${seed}/${epoch}/${count}`
  if (cached?.key !== key) cached = { key, order: new RandomStream(seed, 'epoch', epoch).permutation(count) }
  return cached.order
}
