import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { restoreNodeUtil } from '../../../src/backend/defects/node-util.ts'

it('defines what Node 23 took away', () => {
  const util: Record<string, unknown> = {}
  restoreNodeUtil(util)
  const { isNullOrUndefined, isArray } = util as Record<string, (value: unknown) => boolean>
  expect([null, undefined, 0, ''].map(v => isNullOrUndefined!(v))).toEqual([true, true, false, false])
  expect([[], {}, 'a'].map(v => isArray!(v))).toEqual([true, false, false])
})

it('leaves existing functions alone, and reaches the module that tfjs-node requires', () => {
  const own = () => false
  const util: Record<string, unknown> = { isArray: own }
  restoreNodeUtil(util)
  expect(util.isArray).toBe(own)

  const required = createRequire(import.meta.url)('util') as Record<string, unknown>
  const { isNullOrUndefined } = required
  delete required.isNullOrUndefined
  restoreNodeUtil()
  expect(typeof required.isNullOrUndefined).toBe('function')
  required.isNullOrUndefined = isNullOrUndefined
})
