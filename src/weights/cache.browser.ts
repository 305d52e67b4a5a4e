/** Published weights are fetched by the command line; a browser has none of them. @see cache.ts */
import { UserError } from '../util/errors.ts'

export async function weightsPath(name: string): Promise<string> {
  throw new UserError(`expected weights that are provided as a file, found the published '${name}': use faces-1024`)
}
