/** What photos take of memory besides the networks, known from their headers before any is decoded. */

import { type BackendName, fusedBackend } from '../backend/index.ts'
import { loadModelConfig } from '../config/model.ts'
import type { Recipe } from '../config/recipe.ts'
import { pictureSize } from '../images/codec.ts'
import { mostPixels } from '../images/format.ts'
import { automaticJobs, type WorkToShare } from '../jobs/cores.ts'
import { checkJobs } from '../jobs/process-pool.ts'
import { UserError } from '../util/errors.ts'
import { machineMemory, processBytes, refuseTooLarge } from './plan.ts'
import { planProtection } from './protect.ts'

/**
 * Of every byte of a photo's pixels, how many are taken while its faces are found and put back: measured as the highest
 * VmHWM of `anonymize` on wasm over a photo of 256 megapixels, 3.5 GB, 0.6 GB of which are taken for a small one too.
 */
const perPixelByte = 4

/** Bytes that a photo takes while it is protected or recovered, at its highest. */
export function photoBytes({ width, height }: { readonly width: number; readonly height: number }): number {
  return perPixelByte * 3 * width * height
}

export interface PhotoPlan {
  /** What the networks take in all processes, where that is known. */
  readonly networkBytes?: number
  /** Photos that are worked on side by side. */
  readonly atOnce?: number
  /** Of the machine, in bytes. */
  readonly memory?: number
}

/**
 * Refuses a photo that this machine cannot hold beside the networks.
 * @throws UserError that says what is needed and what there is, or when there is no such file
 */
export async function refuseLargePhoto(
  path: string,
  { networkBytes = 0, atOnce = 1, memory = machineMemory() }: PhotoPlan = {},
): Promise<void> {
  const size = await pictureSize(path)
  // Over the limit it is refused for that.
  if (!size || size.width * size.height > mostPixels()) return
  const needed = networkBytes + atOnce * photoBytes(size)
  if (needed <= memory) return
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  const several = atOnce > 1 ? `, as ${atOnce} photos are worked on at once: take fewer --jobs,` : ': take'
  throw new UserError(
    `expected a photo that fits into this machine's ${gigabytes(memory)} of memory, found ${size.width} x ${size.height} pixels in ${path}, with which it takes ${gigabytes(needed)}${several} a smaller photo or a machine with more`,
  )
}

// In how many processes a command does its work.

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
