import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { addNoise, sample } from '../../src/diffusion/ddim.ts'
import { type Energy, energyGradient, type Guidance, sampleGuided } from '../../src/diffusion/guidance.ts'
import { ddimSteps, noiseSchedule } from '../../src/diffusion/schedule.ts'
import { distance, latentShape, noise, smooth } from './synthetic.ts'

beforeAll(() => useBackend('cpu'))

const schedule = noiseSchedule()
const steps = ddimSteps(schedule, 20)

/** Half the squared distance from embeddings of 0.5. */
const towardsHalf: Energy = embeddings => tf.mul(tf.sum(tf.squaredDifference(embeddings, 0.5)), 0.5) as tf.Scalar
const embed = (latents: tf.Tensor4D) => tf.reshape(tf.mul(latents, 2), [latents.shape[0], -1]) as tf.Tensor2D
const guided = (scale: number): Guidance => ({ energy: towardsHalf, features: embed, scale: () => scale })

test("the gradient runs through the embedding: the chain rule's value", () => {
  tf.tidy(() => {
    const clean = noise('clean')
    const { energy, gradient } = energyGradient(clean, guided(1))
    // E = 1/2 |2 z - 1/2|^2, so dE/dz = 2 (2 z - 1/2)
    expect(distance(gradient, tf.sub(tf.mul(clean, 4), 1))).toBeLessThan(1e-5)
    expect(energy.dataSync()[0]).toBeCloseTo(towardsHalf(embed(clean)).dataSync()[0]!, 4)
  })
})

test.each([1, 2, 3])('of five samples, %i at once, energy and gradient are those of all together', atOnce => {
  tf.tidy(() => {
    const clean = tf.randomNormal([5, 4, 4, 3], 0, 1, 'float32', 3) as tf.Tensor4D
    // Couples the samples, and is curved in each of them.
    const energy: Energy = e => tf.sum(tf.square(tf.matMul(e, e, false, true))) as tf.Scalar
    const of = { energy, features: (z: tf.Tensor4D) => tf.sin(embed(z)) as tf.Tensor2D }
    const [whole, sliced] = [energyGradient(clean, of), energyGradient(clean, { ...of, atOnce })]
    expect(sliced.energy.dataSync()[0]! / whole.energy.dataSync()[0]!).toBeCloseTo(1, 5)
    expect(distance(sliced.gradient, whole.gradient)).toBeLessThan(1e-5 * tf.max(tf.abs(whole.gradient)).dataSync()[0]!)
  })
})

test('without a scale is plain DDIM; the larger the scale, the lower the energy of the result', async () => {
  const start = noise('start')
  const plain = sample(smooth, start, steps)
  const energies: number[] = []
  for (const scale of [0, 0.01, 0.05]) {
    const result = await sampleGuided(smooth, start, steps, { guidance: guided(scale) })
    if (scale === 0) expect(distance(result, plain)).toBeLessThan(1e-6)
    energies.push(tf.tidy(() => towardsHalf(embed(result)).dataSync()[0]!))
    result.dispose()
  }
  expect(energies[1]).toBeLessThan(energies[0]!)
  expect(energies[2]).toBeLessThan(energies[1]!)
  tf.dispose([start, plain])
})

test('further iterations follow the gradient on, within what is projected', async () => {
  const start = noise('start')
  const upper = tf.tensor4d([1, 1, 0, 0], [1, 4, 1, 1])
  const sampled = (options: Partial<Guidance>) =>
    sampleGuided(smooth, start, steps, { guidance: { ...guided(0.01), ...options } })
  const project = (gradient: tf.Tensor4D) => tf.mul(gradient, upper) as tf.Tensor4D
  const results = [
    await sampled({}),
    await sampled({ iterations: 3 }),
    await sampled({ project }),
    await sampled({ scale: () => 0 }),
  ]
  const [once, thrice, projected, free] = results as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D]
  tf.tidy(() => {
    const energy = (z: tf.Tensor4D) => towardsHalf(embed(z)).dataSync()[0]!
    expect(energy(thrice)).toBeLessThan(energy(once))
    const rows = (z: tf.Tensor4D, first: number) => tf.slice(z, [0, first, 0, 0], [-1, 2, -1, -1]) as tf.Tensor4D
    expect(distance(rows(projected, 0), rows(once, 0))).toBeLessThan(1e-5)
    expect(distance(rows(projected, 2), rows(free, 2))).toBeLessThan(1e-5)
  })
  tf.dispose([start, upper, ...results])
})

test('reports every step, from the noisiest down, and asks for the scale of its timestep', async () => {
  const start = noise('start')
  const [reported, asked]: [number[], number[]] = [[], []]
  const result = await sampleGuided(smooth, start, steps, {
    guidance: { ...guided(0), scale: timestep => asked.push(timestep) * 0 },
    onStep: ({ step, energy, gradientNorm }) => {
      reported.push(step.timestep)
      expect(energy).toBeGreaterThan(0)
      expect(gradientNorm).toBeGreaterThan(0)
    },
  })
  expect(reported).toEqual(steps.map(({ timestep }) => timestep).toReversed())
  expect(asked).toEqual(reported)
  tf.dispose([start, result])
})

test.each([{ noised: false }, { noised: true }])(
  'the mask keeps the original (noised: $noised)',
  async ({ noised }) => {
    const [start, clean, added] = [noise('start'), noise('clean'), noise('kept')]
    const left = tf.tensor4d(
      Array.from({ length: 16 }, (_, i) => (i % 4 < 2 ? 1 : 0)),
      [1, 4, 4, 1],
    )
    const options = { guidance: guided(0.01) }
    const kept = { x0: clean, mask: left, ...(noised && { noise: added }) }
    const [all, late, none] = [
      await sampleGuided(smooth, start, steps, { ...options, background: { ...kept, below: 1000 } }),
      await sampleGuided(smooth, start, steps, { ...options, background: { ...kept, below: 300 } }),
      await sampleGuided(smooth, start, steps, { ...options, background: { ...kept, below: 0 } }),
    ]
    const free = await sampleGuided(smooth, start, steps, options)
    tf.tidy(() => {
      const half = (z: tf.Tensor4D, column: number) => tf.slice(z, [0, 0, column, 0], [-1, -1, 2, -1]) as tf.Tensor4D
      const expected = noised ? addNoise(clean, added, schedule.alphasCumprod[0]!) : clean
      for (const result of [all, late]) {
        expect(distance(half(result, 0), half(expected, 0))).toBeLessThan(1e-5)
        // The synthetic denoiser sees each element alone, so the other half knows nothing of it.
        expect(distance(half(result, 2), half(free, 2))).toBeLessThan(1e-5)
      }
      expect(distance(none, free)).toBe(0)
      expect(distance(half(free, 0), half(expected, 0))).toBeGreaterThan(0.1)
    })
    tf.dispose([start, clean, added, left, all, late, none, free])
  },
)

test.each(['cpu', 'wasm'] as const)('1,000 guided steps leave the tensor count where it was on %s', async backend => {
  await useBackend(backend)
  const [start, clean, added] = [noise('start'), noise('clean'), noise('kept')]
  const mask = tf.ones([1, 4, 4, 1]) as tf.Tensor4D
  const before = tf.memory().numTensors
  let count = 0
  for (let run = 0; run < 2; run++) {
    const result = await sampleGuided(smooth, start, ddimSteps(schedule, 500), {
      guidance: guided(0.001),
      background: { x0: clean, mask, noise: added, below: 500 },
      onStep: () => {
        count++
      },
    })
    expect(result.shape).toEqual(latentShape)
    result.dispose()
  }
  expect(count).toBe(1000)
  expect(tf.memory().numTensors).toBe(before)
  tf.dispose([start, clean, added, mask])
})
