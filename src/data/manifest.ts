/** What a data set is: where it comes from, on what terms, how its folder is laid out, how it is split. */
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { loadConfig } from '../config/load.ts'
import { UserError } from '../errors.ts'
import { nearestHint } from '../nearest.ts'

const folder = fileURLToPath(new URL('../../datasets/', import.meta.url))

export const manifestSchema = z.strictObject({
  name: z.string().describe('name on the command line'),
  title: z.string().describe('full name'),
  home: z.string().optional().describe('where to get it'),
  licence: z.string().describe('on what terms'),
  layout: z
    .enum(['folder-per-identity', 'flat'])
    .describe('a folder for each person, or pictures whose people are not known to be the same'),
  heldOutTenths: z.int().min(0).max(10).default(0).describe('tenths of the people held out for tests'),
  faceBox: z
    .strictObject({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })
    .optional()
    .describe('where the face is in every picture, as parts of its width and height: spares the detector'),
  aligned: z.boolean().default(false).describe('pictures are cropped faces, to be scaled whole instead of aligned'),
})

export type DatasetManifest = z.infer<typeof manifestSchema>

/**
 * The manifest called `name`, from datasets/NAME.yaml.
 * @throws UserError that lists the data sets there are when it is none of them, or when the file is not as it should be
 */
export async function loadManifest(name: string): Promise<DatasetManifest> {
  const names = (await readdir(folder)).map(file => basename(file, '.yaml'))
  if (!names.includes(name))
    throw new UserError(
      `expected a data set out of ${names.join(', ')}, found '${name}'${nearestHint(name, names)}: choose one of these`,
    )
  return loadConfig(manifestSchema, { path: join(folder, `${name}.yaml`) })
}

/**
 * Which part of the data set a person belongs to: `test` where the first eight hexadecimal digits of sha256(name), modulo
 * ten, are below `heldOutTenths`. A person's photos never come apart, and no list needs keeping.
 */
export function splitOf({ heldOutTenths }: DatasetManifest, identity: string): 'train' | 'test' {
  const digits = createHash('sha256').update(identity).digest('hex').slice(0, 8)
  return Number.parseInt(digits, 16) % 10 < heldOutTenths ? 'test' : 'train'
}
