/** Makes the outputs of a recorded demonstration again. */
import { z } from 'zod'
import { recipeSchema } from '../config/recipe.ts'
import { recognizerNames } from '../faces/recognizers.ts'
import { checkWeights, type Making, settingsOf } from '../pipeline/replay.ts'
import { pathIn, type Software, softwareOf } from '../pipeline/run-record.ts'
import { processesToProtect } from '../plan/jobs.ts'
import { makeFolder } from '../util/atomic-write.ts'
import { runDemo } from './demo-run.ts'
import { openDemo, piecesOfFace } from './demo-tools.ts'

const demoSettings = z.object({
  recipes: z.object({ anonymize: recipeSchema, hide: recipeSchema }),
  photos: z.array(z.string()),
  count: z.int().nullable(),
})

export async function demonstrateAgain({ folder, record, into, backend }: Making): Promise<Software> {
  const { recipes, photos, count } = settingsOf(record, demoSettings)
  await checkWeights(record, recipes.anonymize.model, recognizerNames)
  await makeFolder(into)
  const jobs = await processesToProtect(recipes.anonymize, backend, piecesOfFace * (count ?? photos.length))
  const tools = await openDemo(recipes, backend, jobs)
  try {
    await runDemo(tools, {
      photos: photos.map(photo => pathIn(folder, photo)),
      count: count ?? Number.POSITIVE_INFINITY,
      out: into,
    })
  } finally {
    await tools.close()
  }
  return softwareOf(backend, jobs)
}
