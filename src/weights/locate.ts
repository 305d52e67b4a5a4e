import { existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../errors.ts'
import { weightsPath } from './cache.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/**
 * The file or folder of weights that a config names: a path with a slash in it, relative to the repository unless it is
 * absolute; or published weights, by their name in configs/weights.yaml.
 * @throws UserError when there is none
 */
export async function locateWeights(written: string): Promise<string> {
  if (!/[\\/]/.test(written)) return weightsPath(written)
  const path = isAbsolute(written) ? written : join(root, written)
  if (existsSync(path)) return path
  throw new UserError(`expected weights at ${path}, found no file: fetch or train them`)
}
