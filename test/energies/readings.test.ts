import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { attributeEnergy } from '../../src/energies/attributes.ts'
import { expressionEnergy } from '../../src/energies/expression.ts'
import { eyeReader, gazeDegrees, gazeEnergy } from '../../src/energies/gaze.ts'
import type { ImageEnergy, OriginalFace } from '../../src/energies/image-energy.ts'
import { structureEnergy } from '../../src/energies/structure.ts'
import { type EnergyNetworks, energyNetworks } from '../../src/faces/networks.ts'
import type { Point } from '../../src/faces/template.ts'
import type { AgeGender } from '../../src/models/face-api.ts'
import type { EyePoints } from '../../src/models/iris.ts'
import { resample } from '../../src/models/ops/resample.ts'
import { bilinear } from '../../src/models/recognizers/recognizer.ts'
import { usableBackends } from '../models/backends.ts'
import { aFace, templateLandmarks } from './a-face.ts'
import { expectGradient } from './gradients.ts'

const side = 128
/** Landmarks of the mirrored face in iBUG order: what was left is right. */
const mirroredOrder = [
  ...Array.from({ length: 17 }, (_, i) => 16 - i),
  ...Array.from({ length: 10 }, (_, i) => 26 - i),
  27, 28, 29, 30, 35, 34, 33, 32, 31,
  45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
  54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
] // biome-ignore format: a table
const mirrored = ({ face, landmarks }: OriginalFace): OriginalFace => ({
  face: tf.reverse(face, 2),
  landmarks: mirroredOrder.map(i => ({ x: side - landmarks[i]!.x, y: landmarks[i]!.y })),
})
const moved = (x: tf.Tensor4D, right: number) =>
  resample(x, bilinear(side, 0, 1, side), bilinear(side, -right / side, 1 - right / side, side))
/** A face whose landmarks `first` to `end` are under a soft patch of skin. */
function covered({ face, landmarks }: OriginalFace, first: number, end: number): tf.Tensor4D {
  const points = landmarks.slice(first, end)
  const reach = side / 12
  const near = ({ x, y }: Point, k: number) => Math.hypot((k % side) + 0.5 - x, Math.floor(k / side) + 0.5 - y) / reach
  const patch = tf.tensor4d(
    Array.from({ length: side * side }, (_, k) =>
      Math.min(1, Math.max(0, 2 - 2 * Math.min(...points.map(p => near(p, k))))),
    ),
    [1, side, side, 1],
  )
  const cheek = [0.35, -0.05, -0.2]
  return tf.add(tf.mul(face, tf.sub(1, patch)), tf.mul(patch, cheek))
}
const read = async ({ energy }: ImageEnergy, images: tf.Tensor4D) => [...(await energy(images).data())]

describe.each(usableBackends)('on %s', backend => {
  let original: OriginalFace
  let networks: EnergyNetworks
  beforeAll(async () => {
    await useBackend(backend)
    networks = await energyNetworks()
    original = await aFace(side)
  })

  it('gaze: a mirrored face looks the other way, as high as before, out of the other eye', async () => {
    const state = eyeReader(original, networks.iris)(original.face)
    const other = mirrored(original)
    const mirroredState = eyeReader(other, networks.iris)(other.face)
    const [[yaw, pitch]] = (await gazeDegrees(state).array()) as [[number, number]]
    const [[mirroredYaw, mirroredPitch]] = (await gazeDegrees(mirroredState).array()) as [[number, number]]
    expect(Math.abs(yaw)).toBeGreaterThan(0.5)
    expect(mirroredYaw).toBeCloseTo(-yaw, 1)
    expect(mirroredPitch).toBeCloseTo(pitch, 1)
    const [left, right] = await state.opening.data()
    const [mirroredLeft, mirroredRight] = await mirroredState.opening.data()
    expect(left).toBeGreaterThan(0.15)
    expect(left).toBeLessThan(0.6)
    expect(mirroredRight).toBeCloseTo(left!, 2)
    expect(mirroredLeft).toBeCloseTo(right!, 2)
  })

  it('gaze: zero for the face itself, little where the head moves, more where the eyes are gone', async () => {
    const gaze = gazeEnergy(original, { network: networks.iris })
    const images = tf.concat([original.face, moved(original.face, 1), covered(original, 36, 48)]) as tf.Tensor4D
    const [none, head, eyes] = await read(gaze, images)
    expect(none).toBeLessThan(1e-6)
    expect(head).toBeLessThan(0.2)
    expect(eyes).toBeGreaterThan(5 * head!)
    gaze.dispose()
  })

  it('structure: zero at any brightness and contrast, more where the mouth or the eyes are gone', async () => {
    const structure = structureEnergy(original)
    const dull = tf.sub(tf.mul(original.face, 0.6), 0.2)
    const images = tf.concat([original.face, dull, covered(original, 48, 68), covered(original, 36, 48)]) as tf.Tensor4D
    const [none, duller, mouth, eyes] = await read(structure, images)
    expect(none).toBeLessThan(1e-8)
    expect(duller).toBeLessThan(0.01)
    expect(mouth).toBeGreaterThan(0.1)
    expect(eyes).toBeGreaterThan(0.2)
    structure.dispose()
  })

  it('expression: zero for the face itself, more where the mouth is gone', async () => {
    const expression = expressionEnergy(original, { network: networks.expression })
    const [none, mouth] = await read(expression, tf.concat([original.face, covered(original, 48, 68)]) as tf.Tensor4D)
    expect(Math.abs(none!)).toBeLessThan(1e-5)
    expect(mouth).toBeGreaterThan(0.05)
    expression.dispose()
  })

  it('gradients are those of finite differences, and no tensor is left', async () => {
    const images = tf.tidy(() => tf.add(moved(original.face, 2), tf.mul(covered(original, 48, 60), 0.2))) as tf.Tensor4D
    const before = tf.memory().numTensors
    const energies = [
      gazeEnergy(original, { network: networks.iris }),
      structureEnergy(original),
      expressionEnergy(original, { network: networks.expression }),
      attributeEnergy(original, { network: networks.ageGender }),
    ]
    for (const { energy, dispose } of energies) {
      await expectGradient(energy, images, { step: 0.003, within: 0.05 })
      dispose()
    }
    expect(tf.memory().numTensors).toBe(before)
    images.dispose()
  })
})

describe('what they make of readings', () => {
  beforeAll(() => useBackend('cpu'))
  const landmarks = templateLandmarks(64)
  const grey = (value: number) => tf.fill([1, 64, 64, 3], value) as tf.Tensor4D
  const face = { face: grey(0), landmarks }

  it('attributes: ten years cost 1, and a sex only where it is less certain than the original', async () => {
    // Brightness -1 to 1 is an age of 40 +- 20 years and log-odds of +-8.
    const network = (x: tf.Tensor4D): AgeGender => {
      const brightness = tf.sub(tf.div(tf.mean(x, [1, 2, 3]), 127.5), 1) as tf.Tensor1D
      return { age: tf.add(tf.mul(brightness, 20), 40), maleLogOdds: tf.mul(brightness, 8) }
    }
    const of = async (original: number, estimate: number, options = {}) =>
      (await read(attributeEnergy({ ...face, face: grey(original) }, { network, ...options }), grey(estimate)))[0]
    expect(await of(0.5, 1, { sex: 0 })).toBeCloseTo(1, 4)
    expect(await of(0.5, 0, { sex: 0 })).toBeCloseTo(1, 4)
    expect(await of(0.5, 1, { age: 0 })).toBeCloseTo(0, 5)
    expect(await of(0.5, 0.3, { age: 0 })).toBeCloseTo(0, 5) // 2.4 is certain enough
    expect(await of(0.5, 0, { age: 0 })).toBeCloseTo(1, 4)
    expect(await of(-0.5, 0.25, { age: 0 })).toBeCloseTo(4, 4)
    expect(await of(0.1, 0, { age: 0 })).toBeCloseTo(0.16, 4) // 0.8 of log-odds was all that the original had
  })

  it('gaze: an iris at the side of the eye looks there, and a shut eye hides it', async () => {
    /** Eyes 40 wide around (32, 32), the iris `x` to the right and `y` down, the lids `open` apart. */
    const eyes =
      (x: number, y: number, open: number) =>
      (crops: tf.Tensor4D): EyePoints => {
        const contour = Array.from({ length: 71 }, (_, i) => {
          if (i <= 8) return [12 + 5 * i, 32 + (i === 0 || i === 8 ? 0 : open / 2)]
          return [12 + 5 * (i - 8), 32 - (i < 16 ? open / 2 : 0)]
        })
        const iris = Array.from({ length: 5 }, () => [32 + x, 32 + y])
        const n = crops.shape[0]
        return { contour: tf.tile(tf.tensor3d([contour]), [n, 1, 1]), iris: tf.tile(tf.tensor3d([iris]), [n, 1, 1]) }
      }
    const state = eyeReader(face, eyes(4, 2, 12))(face.face)
    const near = async (x: tf.Tensor, values: number[]) => {
      const found = await x.data()
      values.forEach((value, i) => {
        expect(found[i]).toBeCloseTo(value, 3)
      })
    }
    await near(state.offset, [0.1, 0.05, -0.1, 0.05]) // of the mirrored eye it is to the left
    await near(state.opening, [0.3, 0.3])
    await near(gazeDegrees(state), [0, (Math.asin(0.05 / 0.35) * 180) / Math.PI])

    const energyOf = async (before: ReturnType<typeof eyes>, after: ReturnType<typeof eyes>) => {
      let network = before
      const gaze = gazeEnergy(face, { network: crops => network(crops) })
      network = after
      return (await read(gaze, face.face))[0]
    }
    expect(await energyOf(eyes(0, 0, 12), eyes(4, 0, 12))).toBeCloseTo(1, 3)
    expect(await energyOf(eyes(0, 0, 12), eyes(0, 0, 8))).toBeCloseTo(1, 3)
    expect(await energyOf(eyes(0, 0, 0), eyes(4, 0, 0))).toBeCloseTo(0, 3)
  })
})
