/**
 * A folder of tensor files as one file of tensors: that of a Hugging Face model (its file lies in the folder) or of a
 * diffusers pipeline (one folder for each network, whose name and a dot come before the names of its tensors).
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../errors.ts'
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

/**
 * The file of weights in a folder and in each folder in it, where there is one; in the order of their names.
 * @throws UserError naming the folder when there is none at all
 */
export async function filesOf(path: string): Promise<{ folder: string; path: string }[]> {
  const names = await readdir(path, { withFileTypes: true })
  const folders = names.filter(entry => entry.isDirectory()).map(({ name }) => name)
  const files: { folder: string; path: string }[] = []
  for (const folder of ['', ...folders.sort()]) {
    const present = await readdir(join(path, folder))
    const name = fileNames.find(file => present.includes(file))
    if (name) files.push({ folder, path: join(path, folder, name) })
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
  const files: TensorFile[] = []
  const close = async () => {
    for (const file of files) await file.close()
  }
  try {
    const tensors = new Map<string, TensorInfo & { file: TensorFile; own: string }>()
    for (const { folder, path: filePath } of await filesOf(path)) {
      const file = await open(filePath)
      files.push(file)
      for (const [own, { dtype, shape }] of file.tensors) {
        const whole = folder ? `${folder}.${own}` : own
        if (tensors.has(whole)) throw new UserError(`${path}: two tensors are called ${quoted(whole)}`)
        tensors.set(whole, { dtype, shape, file, own })
      }
    }
    return {
      path,
      format: `folder of ${[...new Set(files.map(({ format }) => format))].join(' and ')}`,
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
