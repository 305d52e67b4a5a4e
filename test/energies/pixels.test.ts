import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { type ImageEnergy, imageEnergy, sumPerImage, weightedSum } from '../../src/energies/image-energy.ts'
import { rimEnergy } from '../../src/energies/rim.ts'
import { srgbToLab, toneEnergy } from '../../src/energies/tone.ts'
import { usableBackends } from '../models/backends.ts'
import { expectGradient, gradientOf } from './gradients.ts'

const side = 64
/** A disc of radius `radius` around the middle, [1, side, side, 1]. */
const disc = (radius: number) =>
  tf.tensor4d(
    Array.from({ length: side * side }, (_, k) =>
      Math.hypot((k % side) + 0.5 - side / 2, Math.floor(k / side) + 0.5 - side / 2) < radius ? 1 : 0,
    ),
    [1, side, side, 1],
  )
const noise = (n: number, seed: number) =>
  tf.randomUniform([n, side, side, 3], -0.8, 0.8, 'float32', seed) as tf.Tensor4D
/** One colour of 0..255 all over. */
const plain = (colour: readonly [number, number, number]) =>
  tf.add(tf.zeros([1, side, side, 3]), tf.sub(tf.div(tf.tensor1d([...colour]), 127.5), 1)) as tf.Tensor4D
const energyOf = async ({ energy }: ImageEnergy, images: tf.Tensor4D) => (await energy(images).data())[0]!

describe.each([...usableBackends, 'cpu'])('on %s', backend => {
  beforeAll(() => useBackend(backend))

  it('the rim is compared in the band only, squared where near and absolute where far', async () => {
    const face = noise(1, 1)
    const band = tf.sub(disc(24), disc(16)) as tf.Tensor4D
    const rim = rimEnergy(face, band, { delta: 0.1 })
    expect(await energyOf(rim, face)).toBe(0)
    expect(await energyOf(rim, tf.add(face, tf.mul(disc(15), 0.5)) as tf.Tensor4D)).toBeLessThan(1e-9)
    expect(await energyOf(rim, tf.add(face, 0.05) as tf.Tensor4D)).toBeCloseTo(0.05 ** 2 / 0.2, 5)
    expect(await energyOf(rim, tf.sub(face, 0.4) as tf.Tensor4D)).toBeCloseTo(0.4 - 0.05, 5)
    expect(() => rim.energy(tf.zeros([1, 32, 32, 3]))).toThrow(/rim: expected images of 64 x 64 pixels.*found 32 x 32/)
    rim.dispose()
  })

  it('the tone is that of the face alone, whatever lies around it and however fine its texture', async () => {
    const face = plain([150, 110, 90])
    const mask = disc(20)
    const tone = toneEnergy(face, mask)
    expect(await energyOf(tone, face)).toBeLessThan(1e-8)
    const around = tf.add(face, tf.mul(tf.sub(1, mask), 0.7)) as tf.Tensor4D
    expect(await energyOf(tone, around)).toBeLessThan(1e-6)
    const checks = tf.tensor4d(
      Array.from({ length: side * side }, (_, k) => ((k + Math.floor(k / side)) % 2 ? 0.2 : -0.2)),
      [1, side, side, 1],
    )
    expect(await energyOf(tone, tf.add(face, checks) as tf.Tensor4D)).toBeLessThan(1e-3)
    expect(await energyOf(tone, tf.add(face, 0.2) as tf.Tensor4D)).toBeGreaterThan(1)
    tone.dispose()
  })

  it('the same step of lightness weighs more on dark skin', async () => {
    const step = async (colour: readonly [number, number, number]) => {
      const face = plain(colour)
      return energyOf(toneEnergy(face, disc(20)), tf.add(face, 20 / 127.5) as tf.Tensor4D)
    }
    const [dark, light] = [await step([80, 55, 45]), await step([220, 185, 165])]
    expect(dark).toBeGreaterThan(2 * light)
    expect(light).toBeGreaterThan(0.1)
  })

  it('gradients are those of finite differences, and no tensor is left', async () => {
    const [face, images] = [noise(1, 1), noise(2, 2)]
    const [band, mask] = [disc(24), disc(20)]
    const before = tf.memory().numTensors
    const energies = [rimEnergy(face, band), toneEnergy(face, mask)]
    for (const { energy } of energies) await expectGradient(energy, images, { step: 0.02, within: 0.01 })
    const both = weightedSum([
      [energies[0]!, 2],
      [energies[1]!, 0.5],
    ])
    await expectGradient(both.energy, images, { step: 0.02, within: 0.01 })
    both.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  it('off the mask the tone has no gradient', async () => {
    const tone = toneEnergy(noise(1, 1), disc(12))
    const gradient = await gradientOf(tone.energy, noise(1, 2))
    const inside = await disc(12).data()
    gradient.forEach((value, k) => {
      if (!inside[Math.floor(k / 3)]) expect(Math.abs(value)).toBe(0)
    })
    tone.dispose()
  })

  it("Lab has Lindbloom's values at both ends of its curves, and a gradient on both sides of their knees", async () => {
    const colours = [
      [1, 1, 1],
      [1, 0, 0],
      [0, 0, 1],
      [0.5, 0.5, 0.5],
      [0.01, 0.01, 0.01],
      [0, 0, 0],
    ]
    const known = [
      [100, 0, 0],
      [53.24, 80.09, 67.2],
      [32.3, 79.19, -107.86],
      [53.39, 0, 0],
      [0.7, 0, 0],
      [0, 0, 0],
    ]
    const lab = (await srgbToLab(tf.tensor2d(colours)).array()) as number[][]
    lab.forEach((row, i) => {
      for (const [k, value] of row.entries()) expect(value, `${colours[i]}`).toBeCloseTo(known[i]![k]!, 1)
    })
    await expectGradient(
      x => tf.square(srgbToLab(x)),
      tf.tensor2d([
        [0.02, 0.01, 0.03],
        [0.7, 0.1, 0.4],
      ]),
      {
        step: 1e-3,
      },
    )
  })
})

it('a weighted sum is the sum of its parts, and those of weight 0 are not computed', async () => {
  await useBackend('cpu')
  let computed = 0
  const part = (value: number) =>
    imageEnergy(
      'part',
      () => ({ value: tf.scalar(value) }),
      (images, { value }) => {
        computed++
        return sumPerImage(tf.mul(images, value))
      },
    )
  const before = tf.memory().numTensors
  const sum = weightedSum([
    [part(1), 3],
    [part(10), 0],
    [part(100), 0.5],
  ])
  const images = tf.ones([2, 1, 1, 3]) as tf.Tensor4D
  const values = sum.energy(images)
  expect([...(await values.data())]).toEqual([159, 159])
  expect(computed).toBe(2)
  sum.dispose()
  tf.dispose([images, values])
  expect(tf.memory().numTensors).toBe(before)
})
