/**
 * Which files of a folder are taken together as one file of tensors: that of a Hugging Face model (its file lies in the folder), of a
 * diffusers pipeline (one folder for each network, whose name and a dot come before the names of its tensors), or of
 * the TAESD family (NAME_encoder.pth and NAME_decoder.pth, for which `encoder.` and `decoder.` come before). Modules that browsers need
 * too import this one as '#folder'.
 */
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../util/errors.ts'
import { joinUnlinked } from '../util/safe-path.ts'

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

/** Whether there is a folder; what is not there is opened as a file, and refused with its reason. */
export function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
}

/** The path of a file that another names, in the folder of that. @throws UserError when it would be elsewhere */
export function fileBeside(file: string, name: string): Promise<string> {
  return joinUnlinked(dirname(file), name, file)
}
