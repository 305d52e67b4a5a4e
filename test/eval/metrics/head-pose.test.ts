import { describe, expect, it } from 'vitest'
import { headModel, headPose, poseDifference } from '../../../src/eval/metrics/head-pose.ts'
import type { Point } from '../../../src/faces/template.ts'

const radians = (degrees: number) => (degrees * Math.PI) / 180

interface Pose {
  yaw?: number
  pitch?: number
  roll?: number
}

/** Landmarks of the model's head, turned and seen by a camera: all but the model's own points lie at the origin. */
function project({ yaw = 0, pitch = 0, roll = 0 }: Pose, distance = Number.POSITIVE_INFINITY): Point[] {
  const landmarks: Point[] = Array.from({ length: 68 }, () => ({ x: 0, y: 0 }))
  for (const { landmark, position } of headModel) {
    let [x, y, z] = position
    ;[y, z] = turn(y, z, radians(-pitch)) // about x: up is away from the camera's axis
    ;[z, x] = turn(z, x, radians(yaw))
    ;[x, y] = turn(x, y, radians(-roll))
    const scale = 0.3 / (1 - z / distance)
    landmarks[landmark] = { x: 80 + scale * x, y: 120 - scale * y }
  }
  return landmarks
}

function turn(a: number, b: number, angle: number): [number, number] {
  return [a * Math.cos(angle) - b * Math.sin(angle), a * Math.sin(angle) + b * Math.cos(angle)]
}

describe('headPose', () => {
  it.each([
    {},
    { yaw: 30 },
    { pitch: 20 },
    { roll: 45 },
    { yaw: -25, pitch: 10, roll: -15 },
    { yaw: 60, pitch: -30, roll: 5 },
  ])('recovers %o of a head seen from far away', pose => {
    const found = headPose(project(pose))
    expect(found.yaw).toBeCloseTo(pose.yaw ?? 0, 8)
    expect(found.pitch).toBeCloseTo(pose.pitch ?? 0, 8)
    expect(found.roll).toBeCloseTo(pose.roll ?? 0, 8)
  })

  it('is a few degrees off for a camera at five times the width of the head', () => {
    const { angle } = poseDifference(
      headPose(project({ yaw: 20, pitch: 5 })),
      headPose(project({ yaw: 20, pitch: 5 }, 2500)),
    )
    expect(angle).toBeGreaterThan(0)
    expect(angle).toBeLessThan(5)
  })

  it('of a mirrored face has the opposite yaw and roll', () => {
    const landmarks = project({ yaw: 20, pitch: 5, roll: 10 })
    const mirrored = landmarks.map(({ x, y }) => ({ x: 200 - x, y }))
    for (const [left, right] of [[36, 45], [48, 54]] as const) // biome-ignore format: short
      [mirrored[left], mirrored[right]] = [mirrored[right]!, mirrored[left]!]
    const { yaw, pitch, roll } = headPose(mirrored)
    expect([yaw, pitch, roll]).toEqual([-20, 5, -10].map(angle => expect.closeTo(angle, 8)))
  })

  it('refuses other landmarks, and those that are no face', () => {
    expect(() => headPose([])).toThrow('expected 68 landmarks, found 0')
    expect(() => headPose(Array.from({ length: 68 }, (_, i) => ({ x: i, y: i })))).toThrow('all on a line')
  })
})

describe('poseDifference', () => {
  it('is the angle of one rotation and the differences of three', () => {
    const difference = poseDifference(headPose(project({ yaw: 10 })), headPose(project({ yaw: -15 })))
    expect(difference).toMatchObject({ angle: expect.closeTo(25, 6), yaw: expect.closeTo(25, 6) })
    expect(difference.pitch).toBeCloseTo(0, 6)
  })

  it('goes the short way round', () => {
    const difference = poseDifference(headPose(project({ roll: 175 })), headPose(project({ roll: -175 })))
    expect(difference.roll).toBeCloseTo(10, 6)
    expect(difference.angle).toBeCloseTo(10, 6)
  })
})
