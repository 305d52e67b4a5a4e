/**
 * Guides by a recognizer of one's own. Any network will do that gives unit vectors and gradients; this one has no weights at all: it
 * compares small grey pictures of faces.
 *
 *   npx tsx examples/add-recognizer.ts [PHOTO] [KEY=VALUE ...]
 */
import * as tf from '@tensorflow/tfjs'
import {
  align,
  detectFaces,
  fromTensor,
  loadTaskRecipe,
  openRecipe,
  type Recognizer,
  toTensor,
  unit,
  useBackend,
  writeImage,
} from 'diff-privacy'
import { examplePhoto, results, settings } from './arguments.ts'

const side = 16

const thumbnails: Recognizer = {
  name: 'thumbnails',
  dimensions: side * side,
  /** Faces [n, s, s, 3] in [-1, 1] on the template -> [n, 256]. */
  embed: faces =>
    tf.tidy(() => {
      const small = tf.image.resizeBilinear(tf.mean(faces, 3, true) as tf.Tensor4D, [side, side])
      const values = tf.reshape(small, [-1, side * side])
      return unit(tf.sub(values, tf.mean(values, 1, true)))
    }),
}

await useBackend()
const recipe = await loadTaskRecipe('anonymize', settings)
const photo = await examplePhoto()
const [found] = await detectFaces(photo)

for (const weight of [0, 200]) {
  const { dissimilarity } = recipe.energies
  const energies = {
    ...recipe.energies,
    // Weights by name: of the recipe's own recognizers, and of ours.
    dissimilarity: { ...(typeof dissimilarity === 'object' && dissimilarity), thumbnails: weight },
  }
  const { model, openFace } = await openRecipe({ ...recipe, energies }, { guides: [thumbnails] })
  const { face } = await align(model.alignment, photo, found!.landmarks, model.imageSize)
  const image = toTensor(face)
  const open = openFace(image, { randomness: 0, identity: 'example' })
  const version = await open.protect()
  const [cosine] = await tf.tidy(() => tf.sum(tf.mul(thumbnails.embed(image), thumbnails.embed(version)))).data()
  console.log(`weight ${weight}: cosine of thumbnails ${cosine!.toFixed(3)}`)
  await writeImage(`${results}/thumbnails-${weight}.png`, (await fromTensor(version))[0]!)
  open.dispose()
  tf.dispose([image, version])
}
