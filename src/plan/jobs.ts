/** In how many processes a command does its work. */
import { type BackendName, fusedBackend } from '../backend/index.ts'
import { loadModelConfig } from '../config/model.ts'
import type { Recipe } from '../config/recipe.ts'
import { automaticJobs, type WorkToShare } from '../jobs/cores.ts'
import { checkJobs } from '../jobs/process-pool.ts'
import { machineMemory, processBytes, refuseTooLarge } from './plan.ts'
import { planProtection } from './protect.ts'

/**
 * As many processes as were asked for, or else as cores and memory allow.
 * @throws UserError when more were asked for than there are cores
 */
export function processesFor(
  work: Omit<WorkToShare, 'memory'>,
  backend: BackendName,
  asked: number = automaticJobs(backend, { ...work, memory: machineMemory() }),
): number {
  checkJobs(asked)
  return asked
}

/**
 * The same for the protection of faces.
 * @param pieces how much of the work can be done side by side
 * @throws UserError also when the backend or the machine cannot hold so many
 */
export async function processesToProtect(
  recipe: Recipe,
  backend: BackendName,
  pieces: number,
  asked?: number,
): Promise<number> {
  const options = { brief: true, fused: fusedBackend(backend) }
  const plan = await planProtection(await loadModelConfig(recipe.model), recipe, options)
  const processes = processesFor({ pieces, bytes: processBytes(plan, backend) }, backend, asked)
  refuseTooLarge(plan, backend, undefined, processes)
  return processes
}
