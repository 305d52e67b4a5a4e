import { UserError } from '../errors.ts'

/**
 * Does `work` for each of the items, those after a failed one too. A user's mistake in the only item is thrown; of
 * several, each failed one gets a line on stderr at the end, and the exit code is 2.
 * @returns the results of the others
 */
export async function batch<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
  { done = () => {} }: { done?: () => void } = {},
): Promise<R[]> {
  const results: R[] = []
  const failures: string[] = []
  try {
    for (const [index, item] of items.entries()) {
      try {
        results.push(await work(item, index))
      } catch (error) {
        if (!(error instanceof UserError) || items.length === 1) throw error
        failures.push(error.message)
      }
    }
  } finally {
    done()
  }
  if (failures.length > 0) {
    process.stderr.write(`${failures.length} of ${items.length} failed:\n`)
    for (const failure of failures) process.stderr.write(`  ${failure.replace(/\s*\n\s*/g, ' ')}\n`)
    process.exitCode = 2
  }
  return results
}
