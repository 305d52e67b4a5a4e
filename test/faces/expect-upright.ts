import { expect } from 'vitest'
import type { Box } from '../../src/faces/box.ts'
import type { Point } from '../../src/faces/template.ts'

/** Expects 68 landmarks, and eyes above nose above mouth, left before right and all inside of the box. */
export function expectUpright({
  box,
  landmarks,
  points,
}: {
  box: Box
  landmarks: readonly Point[]
  points: readonly Point[]
}): void {
  expect(landmarks).toHaveLength(68)
  const [leftEye, rightEye, nose, leftMouth, rightMouth] = points as [Point, Point, Point, Point, Point]
  expect(leftEye.x).toBeLessThan(rightEye.x)
  expect(leftMouth.x).toBeLessThan(rightMouth.x)
  expect(Math.max(leftEye.y, rightEye.y)).toBeLessThan(nose.y)
  expect(nose.y).toBeLessThan(Math.min(leftMouth.y, rightMouth.y))
  for (const p of points) {
    expect(p.x > box.x && p.x < box.x + box.width && p.y > box.y && p.y < box.y + box.height).toBe(true)
  }
}
