import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import type { OriginalFace } from '../../src/energies/image-energy.ts'
import { landmarkEnergy, landmarkRectangle } from '../../src/energies/landmarks.ts'
import { type EnergyNetworks, energyNetworks } from '../../src/faces/networks.ts'
import { resample } from '../../src/models/ops/resample.ts'
import { bilinear } from '../../src/models/recognizers/recognizer.ts'
import { usableBackends } from '../models/backends.ts'
import { aFace, templateLandmarks } from './a-face.ts'
import { expectGradient } from './gradients.ts'

/** A picture moved by pixels. */
const moved = (x: tf.Tensor4D, right: number, down = 0) => {
  const axis = (shift: number) => bilinear(128, -shift / 128, 1 - shift / 128, 128)
  return resample(x, axis(down), axis(right))
}

describe.each(usableBackends)('on %s', backend => {
  let original: OriginalFace
  let networks: EnergyNetworks
  beforeAll(async () => {
    await useBackend(backend)
    networks = await energyNetworks()
    original = await aFace()
  })

  it('is zero for the face itself, and about the squared way that it was moved', async () => {
    const { energy, dispose } = landmarkEnergy(original, { network: networks.landmarks })
    const { face, landmarks } = original
    const images = tf.tidy(() => tf.concat([face, moved(face, 2), moved(face, 6), moved(face, 0, -6)]))
    const [none, little, more, up] = await energy(images).data()
    const eyes = Math.hypot(landmarks[45]!.x - landmarks[36]!.x, landmarks[45]!.y - landmarks[36]!.y)
    expect(none).toBeLessThan(1e-8)
    expect(Math.sqrt(little!) * eyes).toBeGreaterThan(1)
    expect(Math.sqrt(little!) * eyes).toBeLessThan(3)
    expect(Math.sqrt(more!) * eyes).toBeGreaterThan(4)
    expect(Math.sqrt(more!) * eyes).toBeLessThan(8)
    expect(Math.sqrt(up!) * eyes).toBeGreaterThan(3)
    dispose()
  })

  it('weighs the parts of the face as it was told', async () => {
    // A made-up network: the landmarks of the mouth stay, the others follow the brightness.
    const fake = (x: tf.Tensor4D) => {
      const brightness = tf.reshape(tf.mean(x, [1, 2, 3]), [-1, 1])
      const ramp = tf.range(0, 136).reshape([1, 136])
      return tf.mul(
        ramp,
        tf.concat([tf.tile(brightness, [1, 96]), tf.onesLike(brightness).tile([1, 40])], 1),
      ) as tf.Tensor2D
    }
    const blind = landmarkEnergy(original, { network: fake, weights: { jaw: 0, brows: 0, nose: 0, eyes: 0, mouth: 1 } })
    const seeing = landmarkEnergy(original, { network: fake })
    const darker = tf.sub(original.face, 0.2) as tf.Tensor4D
    expect((await blind.energy(darker).data())[0]).toBe(0)
    expect((await seeing.energy(darker).data())[0]).toBeGreaterThan(0)
    for (const energy of [blind, seeing]) energy.dispose()
  })

  it('has the gradient of finite differences, per image alone, and leaves no tensors', async () => {
    const before = tf.memory().numTensors
    const landmarks = landmarkEnergy(original, { network: networks.landmarks })
    const images = tf.tidy(() => moved(original.face, 3, 2))
    await expectGradient(landmarks.energy, images, { step: 0.003, within: 0.03 })
    const both = tf.tidy(() => tf.concat([images, original.face]))
    const value = landmarks.energy(both)
    const alone = landmarks.energy(images)
    expect((await value.data())[0]).toBeCloseTo((await alone.data())[0]!, 6)
    tf.dispose([images, both, value, alone])
    landmarks.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
})

it('looks at a square around the face that holds all landmarks, of no turn', () => {
  const landmarks = templateLandmarks(128)
  const face = tf.zeros([1, 128, 128, 3]) as tf.Tensor4D
  const { left, top, right, bottom } = landmarkRectangle({ face, landmarks })
  expect(right - left).toBeCloseTo(bottom - top, 6)
  expect((left + right) / 2).toBeCloseTo(0.5, 2)
  expect(left * 128).toBeLessThan(30)
  expect(bottom * 128).toBeGreaterThan(115)
  const half = landmarkRectangle({
    face: tf.zeros([1, 256, 256, 3]),
    landmarks: landmarks.map(({ x, y }) => ({ x: 2 * x, y: 2 * y })),
  })
  expect(half.left).toBeCloseTo(left, 6)
})
