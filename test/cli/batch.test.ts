import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { batch } from '../../src/cli/batch.ts'
import { UserError } from '../../src/util/errors.ts'

let said: string
beforeEach(() => {
  said = ''
  vi.spyOn(process.stderr, 'write').mockImplementation(text => {
    said += text
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})

/** Takes as many milliseconds as the number says, and fails for what stands for a failure. */
async function work(item: number | Error): Promise<number> {
  if (item instanceof Error) throw item
  await new Promise(resolve => setTimeout(resolve, item))
  return item
}

test('results come in the order of the items; failed ones are told of at the end', async () => {
  const report = vi.fn(async () => {})
  await batch([30, new UserError('no\n  photo'), 10], work, { atOnce: 3, report })
  expect(report).toHaveBeenCalledExactlyOnceWith([30, 10])
  expect(said).toBe('1 of 3 failed:\n  no photo\n')
  expect(process.exitCode).toBe(2)
})

test("a user's mistake in the only item is thrown, and nothing is reported", async () => {
  const report = vi.fn(async () => {})
  const mistake = new UserError('no photo')
  await expect(batch([mistake], work, { report })).rejects.toBe(mistake)
  expect(report).not.toHaveBeenCalled()
  expect(said).toBe('')
})

test('an error of ours ends it, once what is under way is done and all that was done is reported', async () => {
  const told: unknown[] = []
  const error = new RangeError('out of range')
  const items = [new UserError('no photo'), 5, error, 30, 40]
  const options = { atOnce: 3, onEnd: () => told.push('end'), report: async (done: number[]) => void told.push(done) }
  await expect(batch(items, work, options)).rejects.toBe(error)
  expect(told).toEqual(['end', [5, 30]])
  expect(said).toBe('1 of 5 failed:\n  no photo\n')
})
