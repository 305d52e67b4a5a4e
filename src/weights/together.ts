/** Several files of tensors as one. */
import { UserError } from '../util/errors.ts'
import { quoted, type TensorFile, type TensorInfo } from './tensor-file.ts'

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
