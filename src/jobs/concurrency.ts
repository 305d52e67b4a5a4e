/** Several pieces of asynchronous work at once, at most so many, those of the lowest priority number first. */

/** What gives out a fixed number of slots. */
export interface Slots<Slot> {
  /** A slot that is free, or the next that gets free. */
  take(priority: number): Promise<Slot>
  release(slot: Slot): void
}

export function slotsOf<Slot>(all: readonly Slot[]): Slots<Slot> {
  const free = [...all]
  const waiting: { readonly priority: number; readonly begin: (slot: Slot) => void }[] = []
  return {
    take: async priority => {
      const slot = free.shift()
      if (slot !== undefined) return slot
      return new Promise(begin => {
        // Behind all that are before it in priority or as early.
        const at = waiting.findIndex(other => other.priority > priority)
        waiting.splice(at < 0 ? waiting.length : at, 0, { priority, begin })
      })
    },
    release: slot => {
      const next = waiting.shift()
      if (next) next.begin(slot)
      // The last used is used first: its process is running, and has loaded what such jobs need.
      else free.unshift(slot)
    },
  }
}

/**
 * `work` on each of the items, in their order and `atOnce` of them side by side; after a failure nothing more is begun, and when all
 * that was begun has ended, it is thrown.
 * @returns the results in the order of the items
 */
export async function mapConcurrently<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const failures: unknown[] = []
  let next = 0
  const workThrough = async () => {
    while (next < items.length && failures.length === 0) {
      const index = next++
      try {
        results[index] = await work(items[index]!, index)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, workThrough))
  if (failures.length > 0) throw failures[0]
  return results
}
