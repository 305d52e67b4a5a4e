/** Opens a file of tensors by what it contains, whatever it is called. */
import { UserError } from '../errors.ts'
import { nearestHint } from '../nearest.ts'
import { type Bytes, openBytes } from './bytes.ts'
import type { Laid } from './layout.ts'
import { isPickle, openPytorchLegacy } from './pytorch-legacy.ts'
import { isZip, openPytorchZip } from './pytorch-zip.ts'
import { isSafetensors, openSafetensors } from './safetensors.ts'
import { quoted, type TensorFile } from './tensor-file.ts'

interface Format {
  /** Whether a file that begins with these bytes, up to 512 of them, is in this format. */
  is: (head: Buffer) => boolean
  open: (bytes: Bytes) => Promise<TensorFile>
}

const formats: readonly Format[] = [
  { is: isZip, open: openPytorchZip },
  { is: isSafetensors, open: openSafetensors },
  { is: isPickle, open: openPytorchLegacy },
]

/**
 * Opens a file of tensors: names, shapes and kinds are read and checked, values only when asked for.
 * @returns the file; the caller closes it
 * @throws UserError naming the file when it is absent, of no known format, or not as its format wants it
 */
export async function openTensorFile(path: string): Promise<TensorFile> {
  const bytes = await openBytes(path)
  try {
    const head = await bytes.read(0, Math.min(bytes.size, 512))
    const format = formats.find(({ is }) => is(head))
    if (!format) throw new UserError(`${path}: expected a file of tensors`)
    return await format.open(bytes)
  } catch (error) {
    await bytes.close()
    throw error
  }
}

/** Opens a file of tensors, and closes it when `use` is done. */
export async function withTensorFile<T>(path: string, use: (file: TensorFile) => T | Promise<T>): Promise<T> {
  const file = await openTensorFile(path)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/**
 * Reads tensors of a file, shapes as in the file.
 * @param names the tensors to read; all of them when left out
 * @throws UserError naming the file (and the tensor) when it cannot be read or lacks a name
 */
export async function readTensors(path: string, names?: Iterable<string>): Promise<Map<string, Laid>> {
  return withTensorFile(path, async file => {
    const read = new Map<string, Laid>()
    for (const name of names ?? file.tensors.keys()) {
      const info = file.tensors.get(name)
      if (!info) {
        throw new UserError(`${path}: no tensor is called ${quoted(name)}${nearestHint(name, file.tensors.keys())}`)
      }
      read.set(name, { shape: [...info.shape], data: await file.read(name) })
    }
    return read
  })
}
