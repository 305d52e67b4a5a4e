/** Which weights there are that the project does not make itself: what configs/weights.yaml says. */
import { z } from 'zod'
import { nearestHint, UserError } from '../util/errors.ts'
import { repositoryPath } from '../util/paths.ts'
import { loadConfig } from '../yaml/load.ts'

const path = repositoryPath('configs/weights.yaml')

const source = z.union([
  z.strictObject({
    repository: z
      .string()
      .regex(/^[\w.-]+\/[\w.-]+$/)
      .describe('of Hugging Face, ORGANISATION/NAME'),
    revision: z.string().describe('a commit, or a branch that may move'),
  }),
  z.strictObject({ url: z.url({ protocol: /^https?$/ }).describe('where a download starts') }),
  z.strictObject({ package: z.string().describe('an npm package that npm install brings') }),
  z.literal('here').describe('a file of this repository'),
])

const file = z.strictObject({
  file: z
    .string()
    .regex(/^(?!\/)(?!.*\.\.).+$/, 'expected a path without ..')
    .describe('its path in the repository or package, and in the cache'),
  size: z.int().positive().optional().describe('bytes; left out where it is not known'),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .describe('left out where it is not known'),
  from: source,
})

const weights = z.strictObject({
  what: z.string().describe('what the weights are, in a line'),
  files: z.array(file).min(1),
  licence: z.strictObject({
    name: z.string(),
    url: z.url().describe('where it can be read'),
    mustAccept: z.boolean().default(false).describe('it has to be accepted before a download'),
    terms: z.string().optional().describe('what it asks, shown before it is accepted'),
  }),
})

const schema = z.record(z.string().regex(/^[\w.-]+$/), weights)

export type PublishedWeights = z.output<typeof weights>
export type PublishedFile = z.output<typeof file>
export type Catalogue = Readonly<Record<string, PublishedWeights>>

/**
 * The weights that a manifest names.
 * @throws UserError when the file is absent or not as it should be
 */
export async function loadCatalogue(manifest = path): Promise<Catalogue> {
  return loadConfig(schema, { path: manifest })
}

/** The weights called `name`. @throws UserError with the nearest names when there are none */
export function published(catalogue: Catalogue, name: string): PublishedWeights {
  if (Object.hasOwn(catalogue, name)) return catalogue[name]!
  const names = Object.keys(catalogue)
  throw new UserError(`no weights are called '${name}'${nearestHint(name, names)}: see diff-privacy weights list`)
}
