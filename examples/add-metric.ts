/**
 * Measures protected photos by a metric of one's own beside the library's: how far colours move, as the mean distance in a plane of
 * chroma.
 *
 *   npx tsx examples/add-metric.ts [PHOTO] [KEY=VALUE ...]
 */
import { type Image, loadChecker, loadTaskRecipe, openRecipe, psnr, ssim, useBackend } from 'diff-privacy'
import { examplePhoto, settings } from './arguments.ts'

/** A metric: a function of a photo and its protected version. */
type Metric = (original: Image, changed: Image) => number

/** Mean distance of red - green and blue - green between two pictures of one size, in 0..255, where they differ. */
const chromaShift: Metric = (original, changed) => {
  let [sum, count] = [0, 0]
  for (let k = 0; k < original.data.length; k += 3) {
    const [r, g, b] = [0, 1, 2].map(c => changed.data[k + c]! - original.data[k + c]!) as [number, number, number]
    if (r === 0 && g === 0 && b === 0) continue
    sum += Math.hypot(r - g, b - g)
    count++
  }
  return count > 0 ? sum / count : 0
}

const metrics: Readonly<Record<string, Metric>> = { psnr, ssim, chromaShift }

await useBackend()
const photo = await examplePhoto()
for (const task of ['anonymize', 'hide'] as const) {
  const recipe = await loadTaskRecipe(task, settings)
  const { protectPhoto } = await openRecipe(recipe)
  const { photos, report } = await protectPhoto(photo, { checker: await loadChecker(recipe) })
  const numbers = Object.entries(metrics).map(([name, metric]) => `${name} ${metric(photo, photos[0]!).toFixed(3)}`)
  const cosines = report.faces.map(({ checks }) => checks[0]!.similarity.toFixed(2))
  console.log(`${task}: ${numbers.join(', ')}, cosines of ${report.checkedBy} ${cosines.join(', ')}`)
}
