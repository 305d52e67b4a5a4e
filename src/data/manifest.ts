/** What a data set is: where it comes from, on what terms, how its folder is laid out, how it is split. */
import { readdir } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { z } from 'zod'
import { nearestHint, UserError } from '../util/errors.ts'
import { repositoryPath } from '../util/paths.ts'
import { loadConfig } from '../yaml/load.ts'

const folder = repositoryPath('datasets')

const part = z.number().min(0).max(1)

export const manifestSchema = z.strictObject({
  name: z.string().describe('name on the command line'),
  title: z.string().describe('full name'),
  home: z.string().optional().describe('where to get it'),
  licence: z.string().describe('on what terms, in a line'),
  terms: z.array(z.string()).default([]).describe('what these ask of you'),
  identities: z
    .enum(['folder', 'celeba-hq', 'unknown'])
    .describe("who a picture shows: the folder that it is in, what CelebA's files say, or nobody knows"),
  identityColumn: z.string().optional().describe('the column that says so in Parquet files'),
  split: z
    .enum(['hash', 'source'])
    .default('hash')
    .describe('people are held out by a hash of their names, or the source says which pictures are'),
  heldOutTenths: z
    .int()
    .min(0)
    .max(10)
    .default(0)
    .describe('tenths of the people held out by the hash, where people are known'),
  faceBox: z
    .strictObject({ x: part, y: part, width: part, height: part })
    .optional()
    .describe('where the face is in every picture, as parts of its width and height: spares the detector'),
  severalFaces: z
    .enum(['central', 'drop'])
    .default('central')
    .describe('of several faces take the one nearest to the middle, or drop the picture unless one is twice as large'),
  leastFace: z.number().min(0).default(48).describe('least side of the aligned square in pixels of the picture'),
  aligned: z.boolean().default(false).describe('pictures are cropped faces, to be scaled whole instead of aligned'),
})

export type DatasetManifest = z.infer<typeof manifestSchema>

/**
 * The manifest called `name`, from datasets/NAME.yaml, or the one in the file `name`.
 * @throws UserError that lists the data sets there are when it is none of them, or when the file is not as it should be
 */
export async function loadManifest(name: string): Promise<DatasetManifest> {
  if (extname(name) === '.yaml') return loadConfig(manifestSchema, { path: name })
  const names = await manifestNames()
  if (!names.includes(name))
    throw new UserError(
      `expected a data set out of ${names.join(', ')}, found '${name}'${nearestHint(name, names)}: choose one of these, or give a manifest of your own (NAME.yaml)`,
    )
  return loadConfig(manifestSchema, { path: join(folder, `${name}.yaml`) })
}

/** Names of the data sets of datasets/. */
export async function manifestNames(): Promise<string[]> {
  return (await readdir(folder)).map(file => basename(file, '.yaml')).sort()
}
