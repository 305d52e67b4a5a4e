import { fileExists, repositoryPath } from '#paths'
import { weightsPath } from '#published'
import { UserError } from '../util/errors.ts'

/**
 * The file or folder of weights that a config names: a path with a slash in it, relative to the repository unless it is
 * absolute; or published weights, by their name in configs/weights.yaml.
 * @throws UserError when there is none
 */
export async function locateWeights(written: string): Promise<string> {
  if (!/[\\/]/.test(written)) return weightsPath(written)
  const path = /^([\\/]|[A-Za-z]:)/.test(written) ? written : repositoryPath(written)
  if (await fileExists(path)) return path
  throw new UserError(`expected weights at ${path}, found no file: fetch or train them`)
}
