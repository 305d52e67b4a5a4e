import { type BackendName, hasFusedKernels } from '../backend/index.ts'
import { loadModelConfig } from '../config/model.ts'
import type { Recipe } from '../config/recipe.ts'
import { automaticJobs } from '../jobs/automatic.ts'
import { machineMemory, processBytes, refuseTooLarge } from './plan.ts'
import { planProtection } from './protect.ts'

/**
 * How many processes to protect faces in, as cores and memory allow.
 * @param pieces how much of the work can be done side by side
 * @throws UserError when the backend or the machine cannot hold even one
 */
export async function jobsToProtect(recipe: Recipe, backend: BackendName, pieces: number): Promise<number> {
  const options = { brief: true, fused: hasFusedKernels(backend) }
  const plan = await planProtection(await loadModelConfig(recipe.model), recipe, options)
  refuseTooLarge(plan, backend)
  return automaticJobs(backend, { pieces, bytes: processBytes(plan, backend), memory: machineMemory() })
}
