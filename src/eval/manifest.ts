/** What is known of a folder of protected pictures besides the pictures: who they show, and how they were made. */
import { z } from 'zod'
import { UserError } from '../util/errors.ts'
import { readRegularText } from '../util/regular-file.ts'

/** What a manifest is called in the folder of its method. */
export const manifestFile = 'manifest.json'

export const tasks = ['anonymize', 'hide', 'recover'] as const

const pictureSchema = z.strictObject({
  name: z.string().describe('the path within each folder, without its extension'),
  identity: z.string().describe('who it shows; pictures of one person share it'),
  id: z.string().optional().describe('where the original is from'),
  seconds: z.record(z.string(), z.number()).optional().describe('of each part of the work'),
  keyBytes: z.int().positive().optional().describe('size of the file that recovers it'),
})

export const manifestSchema = z.strictObject({
  method: z.string().describe('what made the pictures, as tables call it'),
  task: z.enum(tasks),
  aligned: z.boolean().default(false).describe('originals are aligned faces: none is looked for in them'),
  samples: z.int().positive().default(1).describe('protected versions of each picture'),
  guides: z
    .array(z.string())
    .default([])
    .describe(
      'recognizers, and networks of energies (landmarks, expression, age-gender, iris), whose gradient was followed, then or when ' +
        'the model was trained: white boxes',
    ),
  recoveryReads: z.enum(['key', 'key and picture']).optional().describe('what the pictures were recovered from'),
  made: z.unknown().optional().describe('how: command, model, recipe, machine'),
  pictures: z.array(pictureSchema),
})

export type Manifest = z.output<typeof manifestSchema>
export type ManifestPicture = Manifest['pictures'][number]

/** @throws UserError when there is none at `path`, or it is no manifest */
export async function readManifest(path: string): Promise<Manifest> {
  const text = await readRegularText(path).catch(() => {
    throw new UserError(`expected a manifest at ${path}, found no file`)
  })
  const value = parse(text)
  const parsed = manifestSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const [problem] = parsed.error.issues
  throw new UserError(
    `${path}: expected a manifest (docs/evaluation.md), found at '${problem!.path.join('.')}': ${problem!.message}`,
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
