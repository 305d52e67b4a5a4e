import { expect, test } from 'vitest'
import { once, oncePer } from '../../src/util/memoize.ts'

test('each key is done once, however many ask at once', async () => {
  let made = 0
  const get = oncePer(async (key: string) => `${key} ${++made}`)
  expect(await Promise.all([get('a'), get('a'), get('b')])).toEqual(['a 1', 'a 1', 'b 2'])
  expect(await get('a')).toBe('a 1')
})

test('what failed is tried again; what succeeded is not', async () => {
  let tries = 0
  const get = once(async () => {
    if (++tries === 1) throw new Error('no network')
    return tries
  })
  await expect(Promise.all([get(), get()])).rejects.toThrow('no network')
  expect(await get()).toBe(2)
  expect(await get()).toBe(2)
})
