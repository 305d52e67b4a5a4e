import { expect, test } from 'vitest'
import { chosen } from '../../bench/chosen.ts'

test('those that are named, in their own order; a name that there is not is told with those that there are', () => {
  const all = [{ name: 'faces' }, { name: 'steps' }, { name: 'side' }]
  expect(chosen(all, 'side,faces')).toEqual([{ name: 'faces' }, { name: 'side' }])
  expect(() => chosen(all, 'faces,photo')).toThrow("--only: expected some of faces, steps, side, found 'photo'")
})
