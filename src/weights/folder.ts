/**
 * A folder of tensor files as one file of tensors: that of a Hugging Face model (its file lies in the folder), of a
 * diffusers pipeline (one folder for each network, whose name and a dot come before the names of its tensors), or of
 * the TAESD family (NAME_encoder.pth and NAME_decoder.pth, for which `encoder.` and `decoder.` come before).
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../util/errors.ts'
import { quoted, type TensorFile, type TensorInfo } from './tensor-file.ts'

/** What such a folder calls its weights; the first that is there is taken. */
const fileNames = [
  'diffusion_pytorch_model.safetensors',
  'model.safetensors',
  'diffusion_pytorch_model.fp16.safetensors',
  'model.fp16.safetensors',
  'diffusion_pytorch_model.bin',
  'pytorch_model.bin',
]

/** What the two halves of an autoencoder are called. */
const half = /[_-](encoder|decoder)\.(pth|safetensors)$/

/**
 * The file of weights in a folder and in each folder in it, where there is one; in the order of their names.
 * @throws UserError naming the folder when there is none at all
 */
export async function filesOf(path: string): Promise<{ prefix: string; path: string }[]> {
  const names = (await readdir(path, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))
  const folders = names.filter(entry => entry.isDirectory()).map(({ name }) => name)
  const files: { prefix: string; path: string }[] = []
  for (const { name } of names.filter(entry => entry.isFile())) {
    const [, part] = half.exec(name) ?? []
    if (part) files.push({ prefix: `${part}.`, path: join(path, name) })
  }
  for (const folder of ['', ...folders]) {
    const present = await readdir(join(path, folder))
    const name = fileNames.find(file => present.includes(file))
    if (name) files.push({ prefix: folder && `${folder}.`, path: join(path, folder, name) })
  }
  if (files.length > 0) return files
  throw new UserError(`${path}: expected a folder with ${fileNames.join(', ')}, or with folders that have one`)
}

/**
 * The tensors of all weights in a folder and the folders in it.
 * @param open opens one file
 * @throws UserError naming the folder when it has no file of tensors, or a file that cannot be read
 */
export async function openFolder(path: string, open: (path: string) => Promise<TensorFile>): Promise<TensorFile> {
  return openTogether(path, 'folder', await filesOf(path), open)
}

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
