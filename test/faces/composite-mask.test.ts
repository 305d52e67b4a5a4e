import { describe, expect, it } from 'vitest'
import { outlineMask } from '../../src/faces/face-regions.ts'
import type { Point } from '../../src/faces/template.ts'
import { meanLandmarks } from '../../src/faces/template.ts'
import { apply } from '../../src/faces/warp.ts'

const at = (mask: Float32Array, side: number, { x, y }: Point) => mask[Math.floor(y) * side + Math.floor(x)]!

describe('outlineMask', () => {
  it.each([32, 256])('is 1 on brows, eyes, nose and mouth and 0 around the face, at side %i', side => {
    const landmarks = meanLandmarks(side)
    const mask = outlineMask(landmarks, side)
    for (const p of landmarks.slice(17)) expect(at(mask, side, p)).toBe(1)
    const [left, chin, right] = [landmarks[0]!, landmarks[8]!, landmarks[16]!]
    expect(at(mask, side, { x: left.x - 0.02 * side, y: left.y })).toBe(0)
    expect(at(mask, side, { x: right.x + 0.02 * side, y: right.y })).toBe(0)
    expect(at(mask, side, { x: chin.x, y: chin.y + 0.02 * side })).toBe(0)
  })

  it('covers the forehead and ends under the top of the square', () => {
    const mask = outlineMask(meanLandmarks(256), 256)
    const column = Array.from({ length: 256 }, (_, y) => mask[y * 256 + 128]!)
    const top = column.findIndex(value => value > 0.5)
    const brows = meanLandmarks(256)[19]!.y
    expect(brows - top).toBeGreaterThan(25)
    expect(top).toBeGreaterThan(10)
  })

  it('rises over several pixels, without a step', () => {
    const mask = outlineMask(meanLandmarks(256), 256)
    let steepest = 0
    for (let i = 1; i < mask.length; i++) {
      if (i % 256) steepest = Math.max(steepest, Math.abs(mask[i]! - mask[i - 1]!))
      if (i >= 256) steepest = Math.max(steepest, Math.abs(mask[i]! - mask[i - 256]!))
    }
    expect(steepest).toBeLessThan(0.25)
    expect(steepest).toBeGreaterThan(0.1)
  })

  it('turns with the face, and stays inside of the square where the face does not', () => {
    const angle = 0.5
    const [a, b] = [Math.cos(angle), Math.sin(angle)]
    const turn = { a, b, tx: 128 - a * 128 + b * 128 - 60, ty: 128 - b * 128 - a * 128 }
    const mask = outlineMask(
      meanLandmarks(256).map(p => apply(turn, p)),
      256,
    )
    for (let i = 0; i < 256; i++) expect(mask[256 * i]).toBeLessThan(0.1)
    const nose = apply(turn, meanLandmarks(256)[30]!)
    expect(at(mask, 256, nose)).toBe(1)
  })

  it('refuses other landmarks', () => {
    expect(() => outlineMask([{ x: 0, y: 0 }], 256)).toThrow(/68/)
  })
})
