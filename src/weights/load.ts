/** From a file of tensors to the weights that a module names: every name and shape is checked. */
import * as tf from '@tensorflow/tfjs'
import { upload } from '../backend/upload.ts'
import { nearestHint, UserError } from '../util/errors.ts'
import { type Shapes, toRuntime, type Weights } from './layout.ts'
import { type Layout, under } from './layouts.ts'
import type { NameTable } from './names.ts'
import { withTensorFile } from './open.ts'
import { quoted, shown, type TensorFile } from './tensor-file.ts'

export interface LoadOptions {
  /** How files name the module's tensors. */
  layout?: Layout
  /** What the file writes before every name of the module; shorthand for `layout: under(prefix)`. */
  prefix?: string
  /** Refuse a file with tensors, where those of the module are, that the module does not name. */
  strict?: boolean
  /** Told of such tensors when not strict. */
  onExtra?: (names: string[]) => void
}

/** What a module wants of a file: our name, the file's, and the shape in PyTorch's layout. */
interface Wanted {
  readonly parameter: string
  readonly name: string
  readonly shape: readonly number[]
}

/**
 * Loads the weights of a module in run-time layout, float32.
 * @param path a safetensors file, PyTorch checkpoint, ONNX model or TensorFlow.js manifest, or a folder of such files; or several
 *   of these, whose tensors are taken together
 * @param shapes the module's `parameters`
 * @returns parameter name -> tensor; the caller disposes them
 * @throws UserError naming the file, the tensor and what to compare when one is missing or misshapen
 */
export async function loadWeights(
  path: string | readonly string[],
  shapes: Shapes,
  options: LoadOptions = {},
): Promise<Weights> {
  const { prefix = '', layout = under(prefix), strict = false, onExtra } = options
  return withTensorFile(path, async file => {
    const table = fittingTable(file, shapes, layout)
    // A parameter that the table does not know is missing under its own name.
    const wanted = Object.entries(shapes).map(([parameter, shape]) => {
      return { parameter, shape, name: table.theirs(parameter) ?? parameter }
    })
    const extra = extraNames(file, wanted, table, layout)
    checkPresent(file, wanted, extra)
    if (extra.length > 0 && strict) {
      const [first] = extra as [string]
      throw new UserError(
        `${file.path}: the model has no tensor ${quoted(first)}${nearestHint(
          first,
          wanted.map(({ name }) => name),
        )}${others(extra)}; is it another model's file?`,
      )
    }
    if (extra.length > 0) onExtra?.(extra)

    const weights: Record<string, tf.Tensor> = {}
    try {
      for (const { parameter, name, shape } of wanted) {
        const laid = toRuntime(shape, await file.read(name))
        weights[parameter] = upload(tf.tensor(laid.data, laid.shape))
      }
    } catch (error) {
      tf.dispose(weights)
      throw error
    }
    return weights
  })
}

/** The table of the layout under which the file has most of `shapes`. */
function fittingTable({ tensors }: TensorFile, shapes: Shapes, { tables }: Layout): NameTable {
  const names = Object.keys(shapes)
  const present = tables.map(table => names.filter(name => tensors.has(table.theirs(name) ?? '')).length)
  return tables[present.indexOf(Math.max(...present))]!
}

function extraNames({ tensors }: TensorFile, wanted: readonly Wanted[], { scope }: NameTable, { ignored }: Layout) {
  const known = new Set(wanted.map(({ name }) => name))
  return [...tensors.keys()].filter(name => name.startsWith(scope) && !known.has(name) && !ignored?.test(name))
}

function checkPresent({ path, tensors }: TensorFile, wanted: readonly Wanted[], extra: readonly string[]): void {
  const missing = wanted.filter(({ name }) => !tensors.has(name)).map(({ name }) => name)
  if (missing.length > 0) {
    const [first] = missing as [string]
    // A misnamed tensor is one that the module does not want; when there is none, the file's names are all it has.
    const hint = nearestHint(first, extra.length > 0 ? extra : tensors.keys())
    throw new UserError(`${path}: expected a tensor '${first}'${hint}${others(missing)}; is it another model's file?`)
  }
  const misshapen = wanted.filter(({ name, shape }) => !sameShape(tensors.get(name)!.shape, shape))
  if (misshapen.length > 0) {
    const [{ name, shape }] = misshapen as [Wanted]
    throw new UserError(
      `${path}: tensor '${name}' has shape ${shown(tensors.get(name)!.shape)}, the model wants ${shown(shape)}` +
        `${others(misshapen)}; is it of another size or configuration?`,
    )
  }
}

/** Whether the shapes agree but for sizes of 1 at their ends: a 1 x 1 convolution is a linear layer to some files. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => (a[i] ?? 1) === (b[i] ?? 1)).every(Boolean)
}

const others = ({ length }: readonly unknown[]) => (length > 1 ? ` and ${length - 1} more` : '')
