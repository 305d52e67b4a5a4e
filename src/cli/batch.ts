import { UserError } from '../errors.ts'

/**
 * Does `work` for each of the items, those after a failed one too. A user's mistake in the only item is thrown; of
 * several, each failed one gets a line on stderr at the end, and the exit code is 2.
 * @param options.atOnce how many are under way side by side
 * @returns the results of the others, in the order of the items
 */
export async function batch<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
  { done = () => {}, atOnce = 1 }: { done?: () => void; atOnce?: number } = {},
): Promise<R[]> {
  const results: (R | undefined)[] = items.map(() => undefined)
  const failures: string[] = []
  const left = [...items.entries()]
  const workThrough = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [index, item] = next
      try {
        results[index] = await work(item, index)
      } catch (error) {
        if (error instanceof UserError && items.length > 1) failures.push(error.message)
        else {
          left.length = 0
          throw error
        }
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: atOnce }, workThrough))
  } finally {
    done()
  }
  if (failures.length > 0) {
    process.stderr.write(`${failures.length} of ${items.length} failed:\n`)
    for (const failure of failures) process.stderr.write(`  ${failure.replace(/\s*\n\s*/g, ' ')}\n`)
    process.exitCode = 2
  }
  return results.filter(result => result !== undefined)
}
