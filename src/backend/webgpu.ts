/** Any GPU, through Dawn (npm `webgpu`). Only the asynchronous `data()` reads tensors safely here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import type { Availability } from './names.ts'
import { patchWebgpu } from './patches.ts'

interface Adapter {
  info: { vendor: string; architecture: string; device: string; description: string; isFallbackAdapter?: boolean }
}

interface Gpu {
  requestAdapter(options?: object): Promise<Adapter | null>
}

const globals = globalThis as unknown as Record<string, unknown>
let ownNavigator: PropertyDescriptor | undefined

async function createGpu(): Promise<Gpu> {
  const webgpu = (await import('webgpu')) as unknown as { create(options: string[]): Gpu; globals: object }
  Object.assign(globalThis, webgpu.globals)
  return webgpu.create([])
}

/** Names of adapters that are the CPU under another name. */
const software = /swiftshader|llvmpipe|lavapipe|software|\bcpu\b|basic render/i

/** Whether the loader's cache or LD_LIBRARY_PATH knows libvulkan: Dawn without it writes warnings to stderr. */
function hasVulkan(): boolean {
  const cache = '/etc/ld.so.cache'
  if (process.platform !== 'linux' || !existsSync(cache)) return true
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean)
  return readFileSync(cache).includes('libvulkan.so.1') || folders.some(f => existsSync(join(f, 'libvulkan.so.1')))
}

/** Whether the system shows a GPU at all. Without one Dawn can find but the CPU under another name. */
export function plausible(): boolean {
  if (process.platform !== 'linux') return true
  const nodes = existsSync('/dev/dri') ? readdirSync('/dev/dri') : []
  return nodes.some(node => node.startsWith('renderD')) || ['/dev/nvidiactl', '/dev/dxg'].some(existsSync)
}

export async function probe(): Promise<Availability> {
  if (!hasVulkan())
    return {
      usable: false,
      reason:
        "no Vulkan loader found (libvulkan.so.1): install libvulkan1 and the GPU's driver, or choose another backend",
    }
  let adapter: Adapter | null
  try {
    adapter = await (await createGpu()).requestAdapter({ powerPreference: 'high-performance' })
  } catch (error) {
    const cause = (error instanceof Error ? error.message : String(error)).split('\n')[0]
    return { usable: false, reason: `Dawn does not load (${cause}): run npm install, or choose another backend` }
  }
  if (!adapter)
    return {
      usable: false,
      reason: 'no WebGPU adapter found: install a Vulkan driver for the GPU, or choose another backend',
    }
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info
  const name = [description || device || 'adapter', vendor, architecture].filter(Boolean).join(', ')
  return { usable: true, reason: name, automatic: !isFallbackAdapter && !software.test(name) }
}

export async function start(): Promise<void> {
  ownNavigator ??= Object.getOwnPropertyDescriptor(globalThis, 'navigator') ?? { value: undefined }
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu: await createGpu(), userAgent: 'node' },
    configurable: true,
    writable: true,
  })
  await import('@tensorflow/tfjs-backend-webgpu')
  await tf.setBackend('webgpu')
  patchWebgpu()
}

/** Destroys the device and drops the navigator: while Dawn's instance is reachable, Node does not exit. */
export async function release(): Promise<void> {
  const factory = tf.findBackendFactory('webgpu')
  tf.removeBackend('webgpu')
  // Importing the package registers the backend once only; it can then be started again.
  tf.registerBackend('webgpu', factory)
  if (ownNavigator?.value === undefined && !ownNavigator?.get) delete globals.navigator
  else Object.defineProperty(globalThis, 'navigator', { configurable: true, ...ownNavigator })
  ownNavigator = undefined
}
