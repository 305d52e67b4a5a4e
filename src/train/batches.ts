import { RandomStream } from '../util/random.ts'

/**
 * Indices of a step's batch: each epoch visits all items in a new random order, and batches continue across its end.
 * A pure function of its arguments.
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

/**
 * make(from), ..., make(to - 1), in order; while a value is used, the `ahead` ones after it have been begun.
 * @param discard given a value that was made and is not wanted any more, because the consumer stops early
 */
export async function* prefetch<T>(
  make: (index: number) => Promise<T>,
  from: number,
  to: number,
  ahead: number,
  discard: (value: T) => void,
): AsyncGenerator<T, void, void> {
  const begun: Promise<T>[] = []
  const beginUntil = (end: number, index: number) => {
    while (index + begun.length < Math.min(end, to)) {
      const value = make(index + begun.length)
      // It is reported when it is awaited, not before.
      value.catch(() => {})
      begun.push(value)
    }
  }
  beginUntil(from + ahead, from)
  try {
    for (let index = from; index < to; index++) {
      const value = await begun.shift()!
      beginUntil(index + 1 + ahead, index + 1)
      yield value
    }
  } finally {
    await Promise.all(begun.map(value => value.then(discard, () => {})))
  }
}
