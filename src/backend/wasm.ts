/**
 * WebAssembly with SIMD: works wherever Node does. One thread, because tfjs refuses worker threads on Node
 * (WASM_HAS_MULTITHREAD_SUPPORT is false there); its heap ends at 4 GiB.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import * as tf from '@tensorflow/tfjs'
import { repositoryPath } from '../util/paths.ts'
import type { Availability } from './names.ts'
import { patchWasm } from './patches.ts'
import { compileKernels, registerWasmKernels } from './wasm-kernels.ts'
import type { Program, WasmBackend } from './web-assembly.ts'

const require = createRequire(import.meta.url)

/** The folder of the .wasm files, with a trailing separator as tfjs wants it; undefined when not installed. */
function folder(): string | undefined {
  try {
    const path = dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))
    return existsSync(join(path, 'tfjs-backend-wasm-simd.wasm')) ? path + sep : undefined
  } catch {
    return undefined
  }
}

export function probe(): Availability {
  if (!folder())
    return { usable: false, reason: 'the files of @tensorflow/tfjs-backend-wasm are not there: run npm install' }
  return { usable: true, reason: `@tensorflow/tfjs-backend-wasm ${tf.version_core}, one thread` }
}

export const wasmKernelsPath = repositoryPath('native/kernels.wasm')

let compiled: { readonly program: Program | undefined } | undefined

/** The compiled fused kernels; undefined where the engine lacks the instructions that they are made of. */
export function wasmKernels(): Program | undefined {
  compiled ??= { program: existsSync(wasmKernelsPath) ? compile(readFileSync(wasmKernelsPath)) : undefined }
  return compiled.program
}

function compile(bytes: Uint8Array): Program | undefined {
  const program = compileKernels(bytes)
  if (program) return program
  // Multiplications with additions in one instruction are behind a flag in Node 20, and later versions complain of it.
  setFlagsFromString('--experimental-wasm-relaxed-simd')
  return compileKernels(bytes)
}

/** The file of the fused kernels, where the engine has the instructions that they are made of. */
export const fusedKernelsPath = (): string | undefined => (wasmKernels() ? wasmKernelsPath : undefined)

export async function start(): Promise<void> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
  if (!tf.engine().registry.wasm) setWasmPaths(folder()!)
  await tf.setBackend('wasm')
  patchWasm()
  const program = wasmKernels()
  if (program) registerWasmKernels(tf.backend() as unknown as WasmBackend, program)
}
