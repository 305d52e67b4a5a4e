/** Makes a recorded point of a sweep again. */
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { guidesOf, recipeSchema } from '../config/recipe.ts'
import { recognizerNames } from '../faces/recognizers.ts'
import { checkWeights, type Making, settingsOf } from '../pipeline/replay.ts'
import { pathIn, type Software } from '../pipeline/run-record.ts'
import { makeFolder, writeFileAtomic } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { faceFile } from './folder.ts'
import { measurePoint } from './measure.ts'

const pointSettings = z.object({
  recipe: recipeSchema,
  faces: z.object({ sha256: z.string(), count: z.int(), seed: z.int() }),
  recovery: z.boolean(),
})

export async function measureAgain({ folder, record, into, backend }: Making): Promise<Software> {
  const { recipe, faces, recovery } = settingsOf(record, pointSettings)
  await checkWeights(record, recipe.model, [...recognizerNames, ...guidesOf(recipe)])
  const [input] = record.inputs
  if (!input) throw new UserError(`expected the record of a point to name its faces, found no input in ${folder}`)
  const from = dirname(pathIn(folder, input.path))
  const scratch = join(into, '.unfinished')
  const remove = () => rm(scratch, { recursive: true, force: true })
  // Faces left there by a replay that was ended may be of another point or backend.
  await remove()
  const again = await measurePoint(
    { recipe, faces: { ...faces, from }, recovery },
    { scratch, environment: { backend }, onProgress: () => {} },
  ).finally(remove)
  await makeFolder(join(into, 'faces'))
  for (const { id, pictures } of again.faces)
    for (const [i, picture] of pictures.entries())
      await writeFileAtomic(join(into, 'faces', faceFile(id, i)), Buffer.from(picture, 'base64'))
  return again.software
}
