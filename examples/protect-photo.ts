/**
 * Protects one photo and gives it back.
 *
 *   npx tsx examples/protect-photo.ts [PHOTO] [KEY=VALUE ...]     settings of the recipe, such as steps=10
 */
import {
  encodeImage,
  loadChecker,
  loadTaskRecipe,
  openRecipe,
  photoKey,
  psnr,
  useBackend,
  writeImage,
  writeKey,
} from 'diff-privacy'
import { examplePhoto, results, settings } from './arguments.ts'

console.log(`computing on ${await useBackend()}`)

const recipe = await loadTaskRecipe('anonymize', settings)
const { protectPhoto, recoverPhoto } = await openRecipe(recipe)
const photo = await examplePhoto()

// Of every face a new one, compared with the original by a recognizer that had no other part.
const made = await protectPhoto(photo, { checker: await loadChecker(recipe) })
for (const { box, checks, covered } of made.report.faces)
  console.log(
    `face at ${box.x.toFixed()}, ${box.y.toFixed()}:`,
    covered?.reason ?? `cosine ${checks[0]!.similarity.toFixed(2)}`,
  )

const [version] = made.photos
const key = await photoKey(made, version!, await encodeImage(version!, 'png'))
await writeImage(`${results}/protected.png`, version!)
await writeKey(`${results}/protected.png.dpkey`, key, { passphrase: 'open sesame' })

const recovered = await recoverPhoto(version!, key.faces)
console.log(
  `protected: ${psnr(photo, version!).toFixed(1)} dB from the photo; recovered: ${psnr(photo, recovered).toFixed(1)} dB`,
)
