import * as tf from '@tensorflow/tfjs'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { addNoise, ddimStep, ddimTransfer, predictX0, sample } from '../../src/diffusion/ddim.ts'
import { inversionSteps, invert, paperCodeInversionSteps } from '../../src/diffusion/inversion.ts'
import { ddimSigma, ddimSteps, noiseSchedule } from '../../src/diffusion/schedule.ts'
import { normal } from '../../src/util/random.ts'
import { distance, latentShape, noise, smooth } from './synthetic.ts'

beforeAll(() => useBackend('cpu'))

const schedule = noiseSchedule()
const steps = ddimSteps(schedule, 20)

describe('a DDIM step', () => {
  test('is the closed form of equation 12, computed in float64', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 19 }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (index, z, eps, drawn, eta) => {
          const step = steps[index]!
          const { alphaCumprod, alphaCumprodPrev } = step
          const sigma = ddimSigma(step, eta)
          const clean = (z - Math.sqrt(1 - alphaCumprod) * eps) / Math.sqrt(alphaCumprod)
          const expected =
            Math.sqrt(alphaCumprodPrev) * clean + Math.sqrt(1 - alphaCumprodPrev - sigma ** 2) * eps + sigma * drawn
          tf.tidy(() => {
            const [a, b, c] = [z, eps, drawn].map(value => tf.fill([1, 1, 1, 1], value) as tf.Tensor4D)
            const result = ddimStep(a!, b!, step, { eta, noise: () => c! })
            const tolerance = 1e-5 * (1 + Math.abs(clean))
            expect(Math.abs(result.x0.dataSync()[0]! - clean)).toBeLessThan(tolerance)
            expect(Math.abs(result.previous.dataSync()[0]! - expected)).toBeLessThan(tolerance)
          })
        },
      ),
      { numRuns: 60 },
    )
  })

  test('finds the clean latent again under the noise that was added', () => {
    for (const step of steps)
      tf.tidy(() => {
        const clean = noise('clean')
        const noised = addNoise(clean, noise('added'), step.alphaCumprod)
        expect(distance(predictX0(noised, noise('added'), step.alphaCumprod), clean)).toBeLessThan(1e-4)
      })
  })

  test('under the true noise stays on the line between clean and noise', () => {
    tf.tidy(() => {
      const [clean, added] = [noise('clean'), noise('added')]
      const end = sample(() => tf.clone(added), addNoise(clean, added, steps.at(-1)!.alphaCumprod), steps)
      // abar_0 is not 1: a little of the noise is left.
      const expected = addNoise(clean, added, schedule.alphasCumprod[0]!)
      expect(distance(end, expected)).toBeLessThan(2e-4)
    })
  })
})

describe('sampling', () => {
  // Of latents that are normal with this deviation the best noise prediction is known in closed form.
  const deviation = 0.5
  const denoise = (z: tf.Tensor4D, timestep: number) => {
    const alpha = schedule.alphasCumprod[timestep]!
    return tf.mul(z, Math.sqrt(1 - alpha) / (alpha * deviation ** 2 + 1 - alpha)) as tf.Tensor4D
  }
  const drawn = (eta: number) =>
    tf.tidy(() => {
      const shape = [1, 32, 32, 4]
      const added = (timestep: number) => normal(shape, 2, timestep) as tf.Tensor4D
      const start = normal(shape, 1) as tf.Tensor4D
      const clean = sample(denoise, start, ddimSteps(schedule, 250), { eta, noise: added })
      const again = sample(denoise, start, ddimSteps(schedule, 250))
      const { mean, variance } = tf.moments(clean)
      const same = tf.mean(tf.mul(clean, again)).dataSync()[0]! / deviation ** 2
      return { mean: mean.dataSync()[0]!, deviation: Math.sqrt(variance.dataSync()[0]!), same }
    })

  test.each([0, 0.5, 1])('with the best prediction draws what the latents are, eta %d', eta => {
    const found = drawn(eta)
    expect(Math.abs(found.mean)).toBeLessThan(0.03)
    expect(Math.abs(found.deviation - deviation)).toBeLessThan(0.03)
  })

  test('forgets where it began the more noise is added', () => {
    const [none, half, all] = [0, 0.5, 1].map(eta => drawn(eta).same) as [number, number, number]
    expect(none).toBeGreaterThan(0.95)
    expect(half).toBeLessThan(none)
    expect(all).toBeLessThan(half)
  })
})

describe('inversion', () => {
  /** How far sampling from the inverted latent ends from where inversion began. */
  const roundTrip = (count: number, refinements: number, transitions = inversionSteps) =>
    tf.tidy(() => {
      const trajectory = ddimSteps(schedule, count)
      const clean = noise('clean')
      return distance(sample(smooth, invert(smooth, clean, transitions(trajectory), refinements), trajectory), clean)
    })

  test('then sampling returns the latent, nearer with each refinement', () => {
    const [explicit, once, thrice, often] = [0, 1, 3, 8].map(refinements => roundTrip(20, refinements)) as [
      number,
      number,
      number,
      number,
    ]
    expect(once).toBeLessThan(explicit)
    expect(thrice).toBeLessThan(once)
    expect(often).toBeLessThan(1e-3)
  })

  test('is nearer with more steps', () => {
    expect(roundTrip(100, 0)).toBeLessThan(roundTrip(10, 0))
  })

  test('undoes a denoiser that does not look at the latent exactly', () => {
    tf.tidy(() => {
      const clean = noise('clean')
      const constant = () => noise('constant')
      const back = sample(constant, invert(constant, clean, inversionSteps(steps)), steps)
      expect(distance(back, clean)).toBeLessThan(1e-3)
    })
  })

  test("the release's transitions are one timestep off, and end further away", () => {
    expect(paperCodeInversionSteps(steps)[3]).toEqual({
      timestep: steps[3]!.timestep,
      from: steps[3]!.alphaCumprod,
      to: steps[4]!.alphaCumprod,
    })
    expect(roundTrip(20, 8, paperCodeInversionSteps)).toBeGreaterThan(roundTrip(20, 8))
  })

  test('moving there and back along one prediction changes nothing', () => {
    tf.tidy(() => {
      const [z, eps] = [noise('z'), noise('eps')]
      const { transferred } = ddimTransfer(z, eps, { from: 0.9, to: 0.3 })
      const back = ddimTransfer(transferred, eps, { from: 0.3, to: 0.9 })
      expect(distance(back.transferred, z)).toBeLessThan(1e-5)
    })
  })

  test('and sampling leave only their result behind', () => {
    const clean = noise('clean')
    const before = tf.memory().numTensors
    const latent = invert(smooth, clean, inversionSteps(steps), 2)
    expect(tf.memory().numTensors).toBe(before + 1)
    const back = sample(smooth, latent, steps)
    expect(back.shape).toEqual(latentShape)
    expect(tf.memory().numTensors).toBe(before + 2)
    tf.dispose([clean, latent, back])
  })
})
