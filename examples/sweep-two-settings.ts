/**
 * Tries every pair of two settings on one face, as many at once as there are processes, and prints what each gives: how like the
 * original a held-out recognizer finds the result, and how like it looks.
 *
 *   npx tsx examples/sweep-two-settings.ts [PHOTO] [KEY=VALUE ...] [processes=2]
 */
import {
  defineTask,
  type Image,
  inProcess,
  loadChecker,
  loadTaskRecipe,
  openRecipe,
  processPool,
  ssim,
  useBackend,
} from 'diff-privacy'
import { examplePhoto, own, results, settings } from './arguments.ts'

interface Point {
  readonly photo: Image
  readonly settings: readonly string[]
}

/** A task is a function of plain values in a module that exports it: other processes find it there. */
export const protectAndMeasure = defineTask('protect', import.meta.url, async ({ photo, settings }: Point) => {
  await useBackend()
  const recipe = await loadTaskRecipe('anonymize', ['seed=0', ...settings])
  const { protectPhoto } = await openRecipe(recipe)
  const { photos, report } = await protectPhoto(photo, { checker: await loadChecker(recipe) })
  const cosines = report.faces.map(({ checks }) => checks[0]!.similarity)
  return { cosine: Math.max(...cosines), ssim: ssim(photo, photos[0]!) }
})

// Worker processes import this module for the task alone.
if (process.argv[1]?.includes('sweep-two-settings')) {
  const processes = own('processes', 2)
  const photo = await examplePhoto()
  const points = [0.1, 0.3].flatMap(above =>
    [6, 12].map(steps => ({
      photo,
      settings: [...settings, `guidance.above=${above}`, `optimization.steps=${steps}`],
    })),
  )
  const jobs = processes > 1 ? processPool({ processes, scratch: results }) : inProcess({ scratch: results })
  try {
    await jobs.map(protectAndMeasure, points, {
      onResult: ({ cosine, ssim }, i) =>
        console.log(`${points[i]!.settings.slice(-2).join(' ')}: cosine ${cosine.toFixed(3)}, SSIM ${ssim.toFixed(3)}`),
    })
  } finally {
    await jobs.close()
  }
}
