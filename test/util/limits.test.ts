import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { UserError } from '../../src/util/errors.ts'
import { limit, limits, raising, setLimit, setLimitOf } from '../../src/util/limits.ts'

beforeEach(() => {
  vi.stubEnv('DIFF_PRIVACY_LIMITS', undefined)
})
afterEach(() => vi.unstubAllEnvs())

test('limits are the defaults until they are set, each for itself and for the processes that are started', () => {
  expect(limit('megapixels')).toBe(limits.megapixels.most)
  setLimit('megapixels', 400)
  setLimitOf('ratio=1000')
  expect([limit('megapixels'), limit('ratio'), limit('depth')]).toEqual([400, 1000, limits.depth.most])
  expect(JSON.parse(process.env.DIFF_PRIVACY_LIMITS!)).toEqual({ megapixels: 400, ratio: 1000 })
})

test('what a message says raises a limit far enough', () => {
  const [, text] = /--limit (.*)$/.exec(raising('yaml', 70.2))!
  setLimitOf(text!)
  expect(limit('yaml')).toBeGreaterThanOrEqual(70.2)
})

test.each(['ratio', 'ratio=', 'ratio=0', 'ratio=-1', 'ratio=many', 'rato=3', 'toString=1', '=1', ''])(
  "--limit '%s' is refused, by the names that there are",
  text => {
    expect(() => setLimitOf(text)).toThrow(UserError)
    expect(process.env.DIFF_PRIVACY_LIMITS).toBeUndefined()
  },
)
