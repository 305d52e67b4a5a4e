/** Chooses the tfjs backend that every tensor then runs on, and applies the workarounds for that backend's defects. */
import { UserError } from '../util/errors.ts'
import * as cpu from './cpu.ts'
import { type Availability, type BackendName, backendNames } from './names.ts'
import * as tensorflow from './tensorflow.ts'
import * as wasm from './wasm.ts'
import * as webgpu from './webgpu.ts'

export { type BackendName, backendNames } from './names.ts'

interface Backend {
  probe(): Availability | Promise<Availability>
  start(): Promise<void>
  /** False when `auto` need not even probe. */
  plausible?(): boolean
  /** The file of its kernels for the operations of fused.ts, where it has them. */
  fusedKernelsPath?(): string | undefined
}

/** Fastest first, the order in which 'auto' tries them. */
const backends: Readonly<Record<BackendName, Backend>> = {
  'tensorflow-gpu': { probe: () => tensorflow.probe('gpu'), start: () => tensorflow.start('gpu') },
  webgpu,
  tensorflow: {
    probe: () => tensorflow.probe('cpu'),
    start: () => tensorflow.start('cpu'),
    fusedKernelsPath: tensorflow.fusedKernelsPath,
  },
  wasm,
  cpu,
}

let current: BackendName | undefined

/** Every backend, fastest first, with what is known of it from its files: nothing large is loaded. */
export async function availableBackends(): Promise<({ name: BackendName } & Availability)[]> {
  return Promise.all(backendNames.map(async name => ({ name, ...(await backends[name].probe()) })))
}

/**
 * Makes `name` the backend of every tensor from now on; `auto` takes the fastest usable one.
 * @returns the backend now in use
 * @throws UserError when `name` is unknown or cannot be used here
 */
export async function useBackend(name = 'auto'): Promise<BackendName> {
  const chosen = await chooseBackend(name)
  if (chosen === current) return chosen
  await backends[chosen].start()
  current = chosen
  return chosen
}

/**
 * The backend that `useBackend` would use: nothing large is loaded.
 * @throws UserError when `name` is unknown or cannot be used here
 */
export async function chooseBackend(name = 'auto'): Promise<BackendName> {
  const chosen = name === 'auto' ? await fastest() : backendNames.find(known => known === name)
  if (!chosen)
    throw new UserError(
      `expected a backend out of auto, ${backendNames.join(', ')}, found '${name}': choose one of these`,
    )
  const { usable, reason } = await backends[chosen].probe()
  if (!usable && chosen !== current) throw new UserError(`backend '${chosen}' cannot be used here: ${reason}`)
  return chosen
}

/** The version of a backend that can be used here, as far as its files say it. */
export async function backendVersion(name: BackendName): Promise<string> {
  return (await backends[name].probe()).reason
}

/** The file of a backend's kernels for the operations of fused.ts, where it has them. */
export const fusedKernelsPath = (name: BackendName): string | undefined => backends[name].fusedKernelsPath?.()

/** Whether a backend has kernels for the operations of fused.ts. */
export const hasFusedKernels = (name: BackendName): boolean => fusedKernelsPath(name) !== undefined

/** The backend itself where it has such kernels: what plans are made for. */
export const fusedBackend = (name: BackendName): BackendName | undefined => (hasFusedKernels(name) ? name : undefined)

/** Gives back what would keep Node from exiting. Tensors on a webgpu backend are gone afterwards. */
export async function releaseBackend(): Promise<void> {
  if (current === 'webgpu') await webgpu.release()
  current = undefined
}

async function fastest(): Promise<BackendName> {
  for (const name of backendNames) {
    if (backends[name].plausible?.() === false) continue
    const { usable, automatic = true } = await backends[name].probe()
    if (usable && automatic) return name
  }
  return 'cpu'
}
