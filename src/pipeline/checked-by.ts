/** Which recognizers had a part in the selection of a folder's pictures, by its run.json. */
import { z } from 'zod'
import { guideNames } from '../config/recipe.ts'
import { readRuns } from './run-record.ts'

const settingsSchema = z.object({
  check: z.literal(true),
  recipe: z.object({ guide: z.union([z.string(), z.array(z.string())]) }),
})

/**
 * The recognizers that checked the protected pictures of a folder, and so are held out of them no more; none where the
 * folder has no record, or was made without a check.
 */
export async function checkedBy(folder: string): Promise<string[]> {
  const runs = await readRuns(folder).catch(() => [])
  const names = runs.flatMap(({ settings, weights }) => {
    const { success, data } = settingsSchema.safeParse(settings)
    if (!success) return []
    const guides = [data.recipe.guide].flat()
    return guideNames.filter(name => name in weights && !guides.includes(name))
  })
  return [...new Set(names)]
}
