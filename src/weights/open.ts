/** Opens a file of tensors by what it contains, whatever it is called. */
import { openBytes } from '#bytes'
import { filesOf, isFolder } from '#folder'
import { formats } from '#formats'
import { nearestHint, UserError } from '../util/errors.ts'
import type { Laid } from './layout.ts'
import { quoted, type TensorFile, type TensorInfo } from './tensor-file.ts'

// Several files of tensors as one.

/**
 * The tensors of several files as those of one.
 * @param path what messages call them together
 * @param kind what they are together: 'folder'
 * @param list the files, and what comes before the names of their tensors
 * @throws UserError when two tensors have one name, or a file cannot be read
 */
export async function openTogether(
  path: string,
  kind: string,
  list: readonly { prefix: string; path: string }[],
  open: (path: string) => Promise<TensorFile>,
): Promise<TensorFile> {
  const files: TensorFile[] = []
  const close = async () => {
    for (const file of files) await file.close()
  }
  try {
    const tensors = new Map<string, TensorInfo & { file: TensorFile; own: string }>()
    for (const { prefix, path: filePath } of list) {
      const file = await open(filePath)
      files.push(file)
      for (const [own, { dtype, shape }] of file.tensors) {
        const whole = prefix + own
        if (tensors.has(whole)) throw new UserError(`${path}: two tensors are called ${quoted(whole)}`)
        tensors.set(whole, { dtype, shape, file, own })
      }
    }
    return {
      path,
      format: `${kind} of ${[...new Set(files.map(({ format }) => format))].join(' and ')}`,
      tensors,
      metadata: files.length === 1 ? files[0]!.metadata : {},
      read: name => tensors.get(name)!.file.read(tensors.get(name)!.own),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** What people have in place of weights, by how it begins, and what to do about it. */
const strangers: readonly (readonly [begins: RegExp, what: string])[] = [
  [/^$/, 'it is empty: fetch it again'],
  [/^version https:\/\/git-lfs/, 'it is a pointer of Git LFS, not the file itself: run git lfs pull'],
  [/^\s*<(!doctype|html|\?xml)/i, 'it is a web page, not the file that was to be downloaded: fetch it again'],
  [/^\x89HDF\r\n/, 'it is an HDF5 file: save the weights as safetensors'],
  [/^\p{Cc}\x8b/u, 'it is compressed: unpack it first'],
  [/^.{257}ustar/s, 'it is a tar archive: unpack it first, or save the weights as safetensors'],
]

/**
 * Opens a file of tensors: names, shapes and kinds are read and checked, values only when asked for.
 * @param path a safetensors file, PyTorch checkpoint, ONNX model or TensorFlow.js manifest, or the folder of a Hugging
 *   Face model or diffusers pipeline; or several of these, whose tensors are taken together
 * @returns the file; the caller closes it
 * @throws UserError naming the file when it is absent, of no known format, or not as its format wants it
 */
export async function openTensorFile(path: string | readonly string[]): Promise<TensorFile> {
  if (typeof path !== 'string') return path.length === 1 ? openTensorFile(path[0]!) : openFiles(path)
  if (await isFolder(path)) return openTogether(path, 'folder', await filesOf(path), openTensorFile)
  const bytes = await openBytes(path)
  try {
    const head = await bytes.read(0, Math.min(bytes.size, 512))
    const format = formats.find(({ is }) => is(head))
    if (!format) throw new UserError(`${path} is no file of tensors: ${stranger(head)}`)
    return checked(await format.open(bytes))
  } catch (error) {
    await bytes.close()
    throw error
  }
}

/** Tensors of more axes than any format that is written by others. */
const mostAxes = 32

/**
 * A file none of whose tensors has an absurd number of axes, and whose values are looked through when they are read.
 * @throws UserError naming file and tensor
 */
function checked(file: TensorFile): TensorFile {
  for (const [name, { shape }] of file.tensors)
    if (shape.length > mostAxes)
      throw new UserError(
        `${file.path}: tensor ${quoted(name)} has ${shape.length} axes, expected at most ${mostAxes}; fetch it again`,
      )
  return {
    ...file,
    read: async name => {
      const values = await file.read(name)
      const bad = firstNotFinite(values)
      if (bad === undefined) return values
      throw new UserError(
        `${file.path}: tensor ${quoted(name)} holds ${values[bad]} (its number ${bad}), expected finite numbers; is it of a training that diverged?`,
      )
    },
  }
}

/** Where the first number is that is not finite in float32. */
function firstNotFinite(values: Float32Array): number | undefined {
  // 0 times what is not finite is not a number: ten times as fast as asking each.
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0
  return sum === 0 ? undefined : values.findIndex(value => !Number.isFinite(value))
}

const openFiles = (paths: readonly string[]): Promise<TensorFile> =>
  openTogether(
    paths.join(' and '),
    'files',
    paths.map(path => ({ prefix: '', path })),
    openTensorFile,
  )

function stranger(head: Uint8Array): string {
  const text = String.fromCharCode(...head)
  const known = strangers.find(([begins]) => begins.test(text))
  return known?.[1] ?? 'expected safetensors, a PyTorch checkpoint, ONNX or a TensorFlow.js manifest'
}

/** Opens a file of tensors, or several together, and closes it when `use` is done. */
export async function withTensorFile<T>(
  path: string | readonly string[],
  use: (file: TensorFile) => T | Promise<T>,
): Promise<T> {
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
