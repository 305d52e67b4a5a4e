import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import type { BackendName } from '../../src/backend/names.ts'
import { loadModelConfig } from '../../src/config/model.ts'
import { loadRecipe } from '../../src/config/recipe.ts'
import { trainSchema } from '../../src/config/train.ts'
import { recognizerNetworks } from '../../src/faces/recognizers.ts'
import { latentDiffusion } from '../../src/models/latent-diffusion.ts'
import { countParameters } from '../../src/models/module.ts'
import { outlineFaces, outlineWeights } from '../../src/plan/outlines.ts'
import { type Plan, planLines, processBytes, refuseTooLarge, tensorBytes, totalFlops } from '../../src/plan/plan.ts'
import { planProtection, planRecovery, refuseRecipes } from '../../src/plan/protect.ts'
import { countedRun, outline } from '../../src/plan/shape-backend.ts'
import { planTraining } from '../../src/plan/train.ts'
import { UserError } from '../../src/util/errors.ts'
import { loadConfig } from '../../src/yaml/load.ts'

const model = await loadModelConfig('faces-128')

describe('operations', () => {
  /** As PyTorch counts them (test/golden/flops.py). */
  it.each([
    [16, 45_846_958_080],
    [64, 803_273_441_280],
  ])("of Stable Diffusion's noise predictor on a latent of %i are PyTorch's", async (side, expected) => {
    const { unet } = latentDiffusion(await loadModelConfig('stable-diffusion-v1-4'))
    const counts = await countedRun(end => {
      const weights = outlineWeights(unet.parameters)
      end('weights')
      const z = outline<tf.Tensor4D>([1, side, side, 4])
      unet(weights, z, outline<tf.Tensor1D>([1]), outline<tf.Tensor3D>([1, 77, 768]))
      end('forward')
    })
    expect(counts.get('forward')!.flops).toBe(expected)
    expect(counts.get('weights')).toMatchObject({ flops: 0, kernels: 0 })
    expect(counts.get('weights')!.peakBytes).toBe(4 * countParameters(unet.parameters))
  })
})

it('names an operation that has no rule', async () => {
  const { hannWindow, stft } = (await import('@tensorflow/tfjs')).signal
  await expect(countedRun(() => void stft(outline([64]), 16, 8, 16, hannWindow))).rejects.toThrow(
    "Kernel 'Complex' not registered for backend 'shapes'",
  )
})

it.each(Object.entries(recognizerNetworks))('%s embeds aligned faces of any size', async (_, { parameters, over }) => {
  let shape: readonly number[] = []
  await countedRun(() => {
    shape = over(outlineWeights(parameters)).embed(outlineFaces(2, { imageSize: 96 })).shape
  })
  expect(shape).toEqual([2, over({}).dimensions])
})

describe('the plan of protecting a face', () => {
  it('has every network once, the shapes, and more memory and operations for more samples', async () => {
    const recipe = { ...(await loadRecipe('faces-128/anonymize')), steps: 4 }
    const one = await planProtection(model, { ...recipe, samples: 1 })
    const two = await planProtection(model, { ...recipe, samples: 2 })
    expect(one.networks.map(({ name }) => name)).toEqual([
      'autoencoder',
      'noise predictor',
      'text transformer',
      'MSI',
      'features (dlib), guide (dlib)',
    ])
    expect(one.shapes.get('latent')).toEqual([1, 16, 16, 8])
    expect(two.shapes.get('versions')).toEqual([2, 128, 128, 3])
    expect(tensorBytes(two)).toBeGreaterThan(tensorBytes(one))
    const three = await planProtection(model, { ...recipe, samples: 3 })
    const [a, b, c] = [one, two, three].map(plan => plan.stages.get('protected versions')!.flops)
    expect(b! / a!).toBeGreaterThan(1)
    expect(b! / a!).toBeLessThan(2)
    expect((c! - b!) / (b! - a!)).toBeCloseTo(1, 2)
  })

  it('says in brief what memory all steps take', async () => {
    const recipe = await loadRecipe('faces-128/hide')
    const [whole, brief] = [await planProtection(model, recipe), await planProtection(model, recipe, { brief: true })]
    expect(tensorBytes(brief)).toBe(tensorBytes(whole))
    expect(totalFlops(brief)).toBeLessThan(totalFlops(whole) / 2)
  })

  it('is more than that of recovering one, which has no guide', async () => {
    const recovery = await planRecovery(model)
    expect([...recovery.stages.keys()]).toEqual(['start', 'recovered face'])
    expect(recovery.networks.map(({ name }) => name)).toContain('noise predictor')
    expect(recovery.stages.get('recovered face')!.flops).toBeGreaterThan(1e9)
    const protection = await planProtection(model, await loadRecipe('faces-128/anonymize'), { brief: true })
    expect(tensorBytes(recovery)).toBeLessThan(tensorBytes(protection))
  })

  it('leaves no tensors behind, and neither does that of recovering one', async () => {
    const { state } = tf.engine()
    const before = state.numTensors
    await planProtection(model, await loadRecipe('faces-128/anonymize'), { brief: true })
    await planRecovery(model)
    expect(state.numTensors).toBe(before)
  })
})

it.each(['autoencoder', 'diffusion', 'msi'])('training the %s has a plan', async task => {
  const config = await loadConfig(trainSchema, {
    path: `configs/train-${task}-faces.yaml`,
    overrides: ['batchSize=4', 'accumulate=2'],
  })
  const plan = await planTraining(config, model)
  expect(plan.shapes.get('faces')).toEqual([4, 128, 128, 3])
  expect(plan.networks.at(-1)!.name).toBe(`${task}, trained`)
  expect([...plan.stages.keys()].slice(-3)).toEqual(['start', `10 of ${config.steps} steps`, 'checkpoint'])
  const larger = await planTraining({ ...config, batchSize: 8 }, model)
  const [less, more] = [plan, larger].map(({ stages }) => stages.get(`10 of ${config.steps} steps`)!)
  expect(more!.peakBytes).toBeGreaterThan(less!.peakBytes)
})

describe('memory', () => {
  const planOf = (peakBytes: number): Plan => ({
    title: 'anonymize one face with a model',
    networks: [{ name: 'network', parameters: { weight: [1000, 1000] } }],
    shapes: new Map([['face', [1, 8, 8, 3]]]),
    stages: new Map([['all', { flops: 2.5e9, kernels: 1234, peakBytes }]]),
  })

  it('that wasm cannot hold is refused with what would do', () => {
    const refused = () => refuseTooLarge(planOf(5e9), 'wasm', 64e9)
    expect(refused).toThrow(UserError)
    expect(refused).toThrow(/within the 4\.0 GB that wasm can hold, .* 7\.5 GB: take --backend tensorflow .* 5\.6 GB/)
    expect(() => refuseTooLarge(planOf(5e9), 'tensorflow', 64e9)).not.toThrow()
  })

  it('that the machine does not have is refused', () => {
    expect(() => refuseTooLarge(planOf(2e9), 'tensorflow', 2e9)).toThrow("this machine's 2.0 GB of memory")
    expect(() => refuseTooLarge(planOf(1e9), 'wasm', 8e9)).not.toThrow()
    expect(() => refuseTooLarge(planOf(2e9), 'tensorflow', 8e9, 3)).not.toThrow()
    expect(() => refuseTooLarge(planOf(2e9), 'tensorflow', 8e9, 4)).toThrow(
      'takes 2.6 GB on tensorflow in each of 4 processes: take fewer --jobs, fewer samples',
    )
  })

  it('of recipes is that of each: one that cannot be held is refused by name, others are not', async () => {
    const recipe = await loadRecipe('faces-128/anonymize')
    await refuseRecipes([recipe, { ...recipe, steps: 99, seed: 1 }], 'tensorflow')
    await expect(refuseRecipes([recipe, { ...recipe, samples: 2 }], 'tensorflow', 100_000)).rejects.toThrow(
      'expected to anonymize one face with faces-128',
    )
  })

  it('of a backend that was not measured is not judged', () => {
    expect(processBytes(planOf(1e9), 'webgpu')).toBeUndefined()
    expect(() => refuseTooLarge(planOf(1e12), 'webgpu', 1e9)).not.toThrow()
  })

  it.each([
    ['wasm', 'in all 2.5 GFLOP, 370 MB of memory at most'],
    ['webgpu', 'in all 2.5 GFLOP, 103 MB of tensors at most; the process has not been measured on webgpu'],
  ] as [BackendName, string][])('is told with all else on %s', (backend, last) => {
    const lines = planLines(planOf(1.03e8), backend)
    expect(lines[0]).toBe(`anonymize one face with a model on ${backend}`)
    expect(lines).toContain('  network   1,000,000     4 MB')
    expect(lines).toContain('  face    [1, 8, 8, 3]')
    expect(lines).toContain('  all      2.5       1,234           103 MB')
    expect(lines.at(-1)).toBe(last)
  })
})
