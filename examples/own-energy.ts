/**
 * Guides samples by an energy of one's own: here, that faces are lighter than the original by a tenth of the range.
 *
 *   npx tsx examples/own-energy.ts [PHOTO] [KEY=VALUE ...]
 */
import * as tf from '@tensorflow/tfjs'
import {
  align,
  detectFaces,
  type ExtraEnergy,
  imageEnergy,
  loadTaskRecipe,
  openRecipe,
  sumPerImage,
  toTensor,
  useBackend,
} from 'diff-privacy'
import { examplePhoto, settings } from './arguments.ts'

/** Mean of the middle of each image [n, s, s, 3], [n]. */
const lightness = (images: tf.Tensor4D): tf.Tensor1D => {
  const [, side] = images.shape
  const middle = tf.slice(images, [0, side / 4, side / 4, 0], [-1, side / 2, side / 2, 3])
  return tf.div(sumPerImage(middle), (side / 2) ** 2 * 3)
}

const lighter: ExtraEnergy = {
  weight: 500,
  make: ({ face }) =>
    imageEnergy(
      'lighter',
      // Computed once for a face, and kept: where the middle should be, in [-1, 1].
      () => ({ wanted: tf.add(lightness(face), 0.2) }),
      (images, { wanted }) => tf.square(tf.sub(lightness(images), wanted)),
    ),
}

await useBackend()
const { model, openFace } = await openRecipe(await loadTaskRecipe('anonymize', settings))
const photo = await examplePhoto()
const [found] = await detectFaces(photo)
const { face } = await align(model.alignment, photo, found!.landmarks, model.imageSize)

const image = toTensor(face)
const mean = async (images: tf.Tensor4D) => (await tf.tidy(() => lightness(images)).data())[0]!
console.log(`original: ${(await mean(image)).toFixed(3)}`)
for (const energies of [[], [lighter]]) {
  const open = openFace(image, { randomness: 0, identity: 'example', energies })
  const version = await open.protect()
  console.log(`${energies.length ? 'with the energy' : 'without'}: ${(await mean(version)).toFixed(3)}`)
  open.dispose()
  version.dispose()
}
