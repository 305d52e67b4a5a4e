/** Texts among the files that are provided to a browser. @see regular-file.ts */
import { readProvided } from './provided-files.ts'

export async function readRegularText(path: string): Promise<string> {
  return new TextDecoder().decode(await readProvided(path))
}
