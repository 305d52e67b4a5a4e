import { expect, it } from 'vitest'
import { prefetch } from '../../src/train/prefetch.ts'

it('makes each value while the one before it is used, in order', async () => {
  const made: number[] = []
  const make = async (index: number) => {
    made.push(index)
    return index
  }
  const used: [number, number[]][] = []
  for await (const value of prefetch(make, 3, 6, () => {})) used.push([value, [...made]])
  expect(used).toEqual([
    [3, [3, 4]],
    [4, [3, 4, 5]],
    [5, [3, 4, 5]],
  ])
})

it('discards what was made ahead when the consumer stops', async () => {
  const discarded: number[] = []
  for await (const value of prefetch(
    async index => index,
    0,
    10,
    value => discarded.push(value),
  ))
    if (value === 2) break
  expect(discarded).toEqual([3])
})

it('reports a failure when its turn comes, not before', async () => {
  const make = async (index: number) => {
    if (index === 1) throw new Error('unreadable')
    return index
  }
  const values = prefetch(make, 0, 3, () => {})
  expect((await values.next()).value).toBe(0)
  await new Promise(resolve => setImmediate(resolve))
  await expect(values.next()).rejects.toThrow('unreadable')
})
