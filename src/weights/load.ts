/** From a safetensors file to the weights that a module names, and back: every name and shape is checked. */
import * as tf from '@tensorflow/tfjs'
import { UserError } from '../errors.ts'
import { nearestHint } from '../nearest.ts'
import { type Shapes, toCheckpoint, toRuntime, type Weights } from './layout.ts'
import { eachTensor, readSafetensorsHeader, writeSafetensors } from './safetensors.ts'

export interface LoadOptions {
  /** What the file writes before every name of the module. */
  prefix?: string
  /** The name in the file of a parameter of the module, before `prefix` is put in front. */
  rename?: (parameter: string) => string
  /** Refuse a file with tensors (under `prefix`) that the module does not name. */
  strict?: boolean
  /** Told of such tensors when not strict. */
  onExtra?: (names: string[]) => void
}

/** What differs between the names and shapes that are wanted and those that are found. */
export function compareShapes(
  wanted: Shapes,
  found: ReadonlyMap<string, readonly number[]>,
): { missing: string[]; misshapen: string[]; extra: string[] } {
  const names = Object.keys(wanted)
  return {
    missing: names.filter(name => !found.has(name)),
    misshapen: names.filter(name => found.has(name) && `${found.get(name)}` !== `${wanted[name]}`),
    extra: [...found.keys()].filter(name => !Object.hasOwn(wanted, name)),
  }
}

/**
 * Loads the weights of a module in run-time layout, float32.
 * @param shapes the module's `parameters`
 * @returns parameter name -> tensor; the caller disposes them
 * @throws UserError naming the file, the tensor and what to compare when one is missing or misshapen
 */
export async function loadWeights(path: string, shapes: Shapes, options: LoadOptions = {}): Promise<Weights> {
  const { prefix = '', rename = (name: string) => name, strict = false, onExtra } = options
  const inFile = (parameter: string) => prefix + rename(parameter)
  const wanted: Shapes = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [inFile(name), shape]))

  const { entries } = await readSafetensorsHeader(path)
  const found = new Map([...entries].filter(([name]) => name.startsWith(prefix)).map(([k, v]) => [k, v.shape]))
  const { missing, misshapen, extra } = compareShapes(wanted, found)
  if (missing.length > 0) {
    const [first] = missing as [string]
    // A misnamed tensor is one that the module does not want; when there is none, the file's names are all it has.
    const hint = nearestHint(first, extra.length > 0 ? extra : entries.keys())
    throw new UserError(`${path}: expected a tensor '${first}'${hint}${others(missing)}; is it another model's file?`)
  }
  if (misshapen.length > 0) {
    const [first] = misshapen as [string]
    throw new UserError(
      `${path}: tensor '${first}' has shape [${found.get(first)}], the model wants [${wanted[first]}]` +
        `${others(misshapen)}; is it of another size or configuration?`,
    )
  }
  if (extra.length > 0 && strict) {
    const [first] = extra as [string]
    const hint = nearestHint(first, Object.keys(wanted))
    throw new UserError(
      `${path}: the model has no tensor '${first}'${hint}${others(extra)}; is it another model's file?`,
    )
  }
  if (extra.length > 0) onExtra?.(extra)

  const weights: Record<string, tf.Tensor> = {}
  try {
    const parameters = new Map(Object.keys(shapes).map(parameter => [inFile(parameter), parameter]))
    await eachTensor(path, parameters.keys(), (name, { shape, data }) => {
      const laid = toRuntime(shape, data)
      weights[parameters.get(name)!] = tf.tensor(laid.data, laid.shape)
    })
  } catch (error) {
    tf.dispose(weights)
    throw error
  }
  return weights
}

/** Saves weights in the checkpoint's layout; the file appears whole or not at all. */
export async function saveWeights(
  path: string,
  weights: Weights,
  metadata: Readonly<Record<string, string>> = {},
  dtype: 'F32' | 'F16' = 'F32',
): Promise<void> {
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>()
  for (const [name, tensor] of Object.entries(weights)) {
    tensors.set(name, toCheckpoint(tensor.shape, Float32Array.from(await tensor.data())))
  }
  await writeSafetensors(path, tensors, metadata, { dtype })
}

const others = (names: string[]) => (names.length > 1 ? ` and ${names.length - 1} more` : '')
