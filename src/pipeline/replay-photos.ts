/** Makes the outputs of recorded runs that protect or recover photos again. */
import { z } from 'zod'
import { guidesOf, recipeSchema } from '../config/recipe.ts'
import { encryptionFor, isEncrypting } from '../keys/age.ts'
import { UserError } from '../util/errors.ts'
import { oncePer } from '../util/memoize.ts'
import { loadChecker } from './check-result.ts'
import { loadModel } from './model.ts'
import { openRecipe } from './open.ts'
import { fallbacks } from './photo.ts'
import { exactnesses, protectFile } from './protect-file.ts'
import { readProtected, recoverFile } from './recover-file.ts'
import { recoveries } from './recover-photo.ts'
import { checkWeights, type Making, placesIn, settingsOf } from './replay.ts'
import { pathIn, type Software, softwareOf } from './run-record.ts'

const paths = z.array(z.string())
const protectSettings = z.object({
  recipe: recipeSchema,
  fallback: z.enum(fallbacks).default('blur'),
  check: z.boolean().default(false),
  exact: z.enum(exactnesses).optional(),
  photos: z.array(z.object({ photo: z.string(), outputs: paths, secret: z.string().optional() })),
})

export async function protectAgain({ folder, record, backend, into, decryption = {} }: Making): Promise<Software> {
  const { recipe, exact, photos, fallback, check } = settingsOf(record, protectSettings)
  const checker = check ? await loadChecker(recipe) : undefined
  const again: string[][] = []
  for (const { outputs } of photos) again.push(await placesIn(into, outputs, folder))
  // Encrypted keys are not recorded. Once encrypted, they are written in the clear nowhere.
  const encrypted = !record.outputs.some(({ path }) => path.endsWith('.dpkey'))
  const encryption = encrypted ? await encryptionFor(decryption) : undefined
  if (encryption && !isEncrypting(encryption))
    throw new UserError(
      'the keys of this run were encrypted: give what those made again are encrypted with: --passphrase-file or --identity',
    )
  await checkWeights(record, recipe.model, guidesOf(recipe))
  const open = await openRecipe(recipe)
  for (const [i, { photo, secret }] of photos.entries())
    await protectFile(open, pathIn(folder, photo), again[i]!, {
      encryption,
      exact,
      secret,
      fallback,
      checker,
    })
  return softwareOf(backend)
}

const recoverSettings = z.object({
  model: z.string().optional(),
  recovery: z.enum(recoveries).default('generative'),
  allowEdited: z.boolean().optional(),
  pictures: z.array(z.object({ picture: z.string(), key: z.string(), output: z.string() })),
})

export async function recoverAgain({ folder, record, backend, into, decryption = {} }: Making): Promise<Software> {
  const { model, recovery, allowEdited = false, pictures } = settingsOf(record, recoverSettings)
  const again = await placesIn(
    into,
    pictures.map(({ output }) => output),
    folder,
  )
  const load = oncePer(async (name: string) => {
    await checkWeights(record, name)
    return loadModel(name)
  })
  for (const [i, { picture, key }] of pictures.entries()) {
    const locked = await readProtected(pathIn(folder, picture), {
      key: pathIn(folder, key),
      allowEdited,
      ...decryption,
    })
    await recoverFile(name => load(model ?? name), locked, again[i]!, recovery)
  }
  return softwareOf(backend)
}
