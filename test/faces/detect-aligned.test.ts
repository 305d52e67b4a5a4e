import { expect, it } from 'vitest'
import { repeatEdge } from '../../src/faces/box.ts'
import type { Image } from '../../src/images/image.ts'

const picture = (width: number, height: number, value: (i: number) => number): Image => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => value(i)),
})

it('repeatEdge repeats the nearest pixel', () => {
  const framed = repeatEdge(
    picture(2, 2, i => Math.floor(i / 3)),
    1,
  )
  expect([framed.width, framed.height]).toEqual([4, 4])
  const reds = Array.from({ length: 16 }, (_, i) => framed.data[3 * i])
  expect(reds).toEqual([0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3])
})
