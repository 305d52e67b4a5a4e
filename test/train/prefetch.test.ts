import { expect, it } from 'vitest'
import { prefetch } from '../../src/train/batches.ts'

it('makes each value while the one before it is used, in order', async () => {
  const made: number[] = []
  const make = async (index: number) => {
    made.push(index)
    return index
  }
  const used: [number, number[]][] = []
  for await (const value of prefetch(make, 3, 6, 1, () => {})) used.push([value, [...made]])
  expect(used).toEqual([
    [3, [3, 4]],
    [4, [3, 4, 5]],
    [5, [3, 4, 5]],
  ])
})

it('keeps as many ahead as are used in a row', async () => {
  const made: number[] = []
  const make = async (index: number) => {
    made.push(index)
    return index
  }
  const values = prefetch(make, 0, 7, 3, () => {})
  expect([(await values.next()).value, (await values.next()).value, (await values.next()).value]).toEqual([0, 1, 2])
  // The next three, before any of them is asked for.
  expect(made).toEqual([0, 1, 2, 3, 4, 5])
  expect((await values.next()).value).toBe(3)
  expect(made).toEqual([0, 1, 2, 3, 4, 5, 6])
  await values.return()
})

it('discards what was made ahead when the consumer stops', async () => {
  const discarded: number[] = []
  for await (const value of prefetch(
    async index => index,
    0,
    10,
    3,
    value => discarded.push(value),
  ))
    if (value === 2) break
  expect(discarded).toEqual([3, 4, 5])
})

it('reports a failure when its turn comes, not before', async () => {
  const make = async (index: number) => {
    if (index === 1) throw new Error('unreadable')
    return index
  }
  const values = prefetch(make, 0, 3, 1, () => {})
  expect((await values.next()).value).toBe(0)
  await new Promise(resolve => setImmediate(resolve))
  await expect(values.next()).rejects.toThrow('unreadable')
})
