import { expect, it } from 'vitest'
import { turn, turnBack } from '../../src/faces/find/passes.ts'
import type { Image } from '../../src/images/image.ts'

it('turning by quarters moves pixels and points alike', () => {
  const data = Uint8Array.from({ length: 5 * 3 * 3 }, (_, k) => k)
  const image: Image = { width: 5, height: 3, data }
  for (const quarters of [0, 1, 2, 3]) {
    const turned = turn(image, quarters)
    const p = turnBack({ x: 0.5, y: 1.5 }, quarters, image)
    const offset = 3 * (Math.floor(p.y) * 5 + Math.floor(p.x))
    expect(turned.data[3 * turned.width]).toBe(data[offset])
  }
  expect([...turn(image, 1).data.subarray(0, 3)]).toEqual([30, 31, 32]) // the lower left corner comes to the upper left
})
