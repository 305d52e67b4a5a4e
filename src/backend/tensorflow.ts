/**
 * TensorFlow's C library through @tensorflow/tfjs-node. The npm package comes without its binding; `npm run native`
 * builds it against a current TensorFlow wheel and notes in `native.json` beside the binding which wheel that was.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { UserError } from '../util/errors.ts'
import { restoreNodeUtil } from './defects/node-util.ts'
import { registerNumericPadding } from './defects/tensorflow-numeric-padding.ts'
import type { Availability } from './names.ts'
import { kernelsPath, registerFusedKernels } from './tensorflow-kernels.ts'
import { registerShortcuts } from './tensorflow-shortcuts.ts'

// Start-up lines of TensorFlow: native/quiet.cc, which `npm run native` compiles, keeps them from the user.

/** Where the compiled addon is, within the package of tfjs-node. */
export const quietPath = 'lib/napi-v8/diff_privacy_quiet.node'

/**
 * What `load` gives, while nothing that this process prints reaches standard error. As it is where the addon is not compiled, and
 * where TF_CPP_MIN_LOG_LEVEL asks for every line.
 * @param addon path of the compiled file
 */
export function quietly<T>(addon: string, load: () => T): T {
  if (process.env.TF_CPP_MIN_LOG_LEVEL === '0' || !existsSync(addon)) return load()
  // Each time that it is loaded it turns standard error away, or back.
  const toggle = () => process.dlopen({ exports: {} }, addon)
  toggle()
  try {
    return load()
  } finally {
    toggle()
  }
}

const require = createRequire(import.meta.url)

export type Device = 'cpu' | 'gpu'

interface Installation {
  /** The npm package that holds the binding. */
  package: string
  /** Whether the library is one built with CUDA. */
  gpu: boolean
  /** Of libtensorflow, where `npm run native` built the binding. */
  version?: string
}

function installation(device: Device): Installation | { missing: string } {
  const build = `run npm run native${device === 'gpu' ? ' -- --gpu' : ''}`
  const candidates =
    device === 'gpu' ? ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] : ['@tensorflow/tfjs-node']
  for (const name of candidates) {
    let folder: string
    try {
      folder = dirname(require.resolve(`${name}/package.json`))
    } catch {
      continue
    }
    if (!existsSync(join(folder, 'lib/napi-v8/tfjs_binding.node'))) continue
    const library = join(folder, 'deps/lib', process.platform === 'linux' ? 'libtensorflow_framework.so.2' : '')
    if (!existsSync(library)) return { missing: `the TensorFlow library of ${name} is gone: ${build}` }
    const native = nativeBuild(folder)
    const gpu = name.endsWith('-gpu') || native?.gpu === true
    if (device === 'gpu' && !gpu) continue
    return { package: name, gpu, version: native?.tensorflow }
  }
  return { missing: `its native library is not built: ${build}` }
}

/** What `npm run native` noted of its own build. */
function nativeBuild(folder: string): { gpu: boolean; tensorflow: string } | undefined {
  const note = join(folder, 'lib/napi-v8/native.json')
  return existsSync(note) ? JSON.parse(readFileSync(note, 'utf8')) : undefined
}

/** Whether the library can be used on `device`, from files alone: the library itself is 800 MB and is not loaded. */
export function probe(device: Device): Availability {
  const found = installation(device)
  if ('missing' in found) return { usable: false, reason: found.missing }
  if (device === 'gpu' && !existsSync('/dev/nvidiactl') && process.platform === 'linux')
    return { usable: false, reason: 'no NVIDIA GPU is visible (/dev/nvidiactl is absent): choose tensorflow' }
  return {
    usable: true,
    reason: `libtensorflow ${found.version ?? 'of unknown version'} through ${found.package} ${tf.version_core}`,
  }
}

/** The compiled fused kernels, where they are. */
export function fusedKernelsPath(): string | undefined {
  const found = installation('cpu')
  const path = 'missing' in found ? undefined : fusedKernelsOf(found.package)
  return path !== undefined && existsSync(path) ? path : undefined
}

const packageFolder = (name: string): string => dirname(require.resolve(`${name}/package.json`))
const fusedKernelsOf = (name: string): string => join(packageFolder(name), kernelsPath)

/** Loads the library. A process holds one: the CPU one cannot be exchanged for the GPU one. */
export async function start(device: Device): Promise<void> {
  const found = installation(device)
  if ('missing' in found) throw new UserError(`backend 'tensorflow' cannot be used here: ${found.missing}`)
  if (!tf.engine().registryFactory.tensorflow) {
    // A value already in the environment wins.
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
    // By itself the library uses oneDNN only on processors that have AVX512_VNNI and the like; it is faster on older ones, too.
    process.env.TF_ENABLE_ONEDNN_OPTS ??= '1'
    if (device === 'cpu') process.env.CUDA_VISIBLE_DEVICES = ''
    restoreNodeUtil()
    try {
      quietly(join(packageFolder(found.package), quietPath), () => require(found.package))
    } catch (error) {
      const cause = (error instanceof Error ? error.message : String(error)).split('\n')[0]
      throw new UserError(`the native library of ${found.package} does not load (${cause}): run npm run native`)
    }
    registerNumericPadding()
    registerShortcuts()
    registerFusedKernels(fusedKernelsOf(found.package))
  }
  await tf.setBackend('tensorflow')
  const backend = tf.backend() as unknown as { isUsingGpuDevice: boolean }
  if (device === 'gpu' && !backend.isUsingGpuDevice)
    throw new UserError(
      'TensorFlow found no CUDA device it can use: check the driver and the CUDA libraries, or choose tensorflow',
    )
}
