/** The files of this project in a browser: whoever opens a model says where their bytes come from. */
import { UserError } from './errors.ts'
import { oncePer } from './memoize.ts'

/**
 * Gives the bytes of a file of the repository or of its packages by its path from the repository's root, such as
 * 'assets/generator.safetensors' or 'node_modules/@vladmandic/human/models/faceres.bin'; undefined where there is none.
 */
export type FileSource = (path: string) => Promise<Uint8Array<ArrayBuffer> | undefined>

let provided: FileSource = async () => undefined

/** Says where files come from; each is asked for once. */
export function provideFiles(source: FileSource): void {
  provided = oncePer(source)
}

/** @throws UserError when the file is not provided */
export async function readProvided(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await provided(path)
  if (!bytes) throw new UserError(`expected the file ${path}, found none provided: give its bytes to provideFiles`)
  return bytes
}

export async function isProvided(path: string): Promise<boolean> {
  return (await provided(path).catch(() => undefined)) !== undefined
}
