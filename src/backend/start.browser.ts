/** Chooses the tfjs backend in a browser. @see index.ts, which does so in Node */
import * as tf from '@tensorflow/tfjs'
import { UserError } from '../util/errors.ts'
import { patchWasm, patchWebgpu } from './patches.ts'
import { compileKernels, registerWasmKernels } from './wasm-kernels.ts'
import type { WasmBackend } from './web-assembly.ts'

/** Fastest first. */
export const browserBackends = ['webgpu', 'webgl', 'wasm', 'cpu'] as const
export type BrowserBackend = (typeof browserBackends)[number]

export interface StartOptions {
  /** Where the .wasm files of @tensorflow/tfjs-backend-wasm are served, with a slash at the end. */
  readonly wasmFolder?: string
  /** The bytes of native/kernels.wasm: without them the wasm backend computes in more and slower steps. */
  readonly wasmKernels?: Uint8Array
}

/**
 * Makes `name` the backend of every tensor from now on; default: the first that starts here.
 * @returns the backend in use
 * @throws UserError when it does not start
 */
export async function useBackend(name?: BrowserBackend, options: StartOptions = {}): Promise<BrowserBackend> {
  if (name) {
    if (await start(name, options)) return name
    throw new UserError(`expected a browser with ${name}, found none: choose another of ${browserBackends.join(', ')}`)
  }
  for (const backend of browserBackends) if (await start(backend, options)) return backend
  throw new UserError(`expected a browser with one of ${browserBackends.join(', ')}, found none: use another browser`)
}

async function start(name: BrowserBackend, { wasmFolder, wasmKernels }: StartOptions): Promise<boolean> {
  try {
    if (name === 'webgpu') {
      if (!('gpu' in navigator)) return false
      await import('@tensorflow/tfjs-backend-webgpu')
    }
    if (name === 'wasm') {
      const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
      if (wasmFolder !== undefined && !tf.engine().registry.wasm) setWasmPaths(wasmFolder)
    }
    if (!(await tf.setBackend(name))) return false
  } catch {
    return false
  }
  if (name === 'wasm') {
    patchWasm()
    const program = wasmKernels && compileKernels(wasmKernels)
    if (program) registerWasmKernels(tf.backend() as unknown as WasmBackend, program)
  }
  if (name === 'webgpu') patchWebgpu()
  return true
}
