import { expect, it } from 'vitest'
import { loadModelConfig } from '../../src/config/model.ts'
import { planRecovery } from '../../src/plan/protect.ts'

it("latents are not refined by features that are not dlib's", async () => {
  const refinement = { steps: 1, rate: 0.1, featureWeight: 0.1 }
  const model = await loadModelConfig('stable-diffusion-v1-4')
  await expect(planRecovery({ ...model, refinement })).rejects.toThrow(
    "model 'stable-diffusion-v1-4': refinement.featureWeight is of dlib's features, found those of clip: leave it out",
  )
})
