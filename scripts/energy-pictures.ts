/**
 * What each energy of the anonymize recipe does by itself: docs/energies.jpg and the table of docs/energies.md.
 *   npx tsx scripts/energy-pictures.ts
 * A generated face is the original; descent of one energy at a time starts at another generated face, as a sample does. Pictures show
 * what the photo would: the changed face within the original.
 */

import * as tf from '@tensorflow/tfjs'
import sharp, { type OverlayOptions } from 'sharp'
import { useBackend } from '../src/backend/index.ts'
import type { Recipe } from '../src/config/recipe.ts'
import { loadTaskRecipe } from '../src/config/task-recipe.ts'
import { loadGenerator } from '../src/faces/generator.ts'
import { loadRecognizer } from '../src/faces/recognizers.ts'
import { fromTensor } from '../src/images/image.ts'
import { clampToShell, tieRows } from '../src/models/generator/latent-space.ts'
import { optimizeLatents } from '../src/models/latent-optimization.ts'
import { energyOf, imageEnergies, readSamples } from '../src/pipeline/energies.ts'
import { loadModel } from '../src/pipeline/model.ts'
import { prepareFace } from '../src/pipeline/prepare-face.ts'
import { placeholdersOf } from '../src/pipeline/recovery.ts'
import { repositoryPath } from '../src/util/paths.ts'
import { normal } from '../src/util/random.ts'

/** Generated faces of these numbers are the originals. */
const originals = [3, 8]
/** Which of the generated faces like an original descent starts at: not the nearest, so that there is something to see. */
const start = 11
const descent = { steps: 24, rate: 0.06 }
const side = 192
const label = 24

type Weights = Recipe['energies']
const perGuide = ['dissimilarity', 'diversity'] as const
const single = [
  'landmarks',
  'gaze',
  'structure',
  'expression',
  'attributes',
  'facialAttributes',
  'rim',
  'tone',
] as const

await useBackend('auto')
const recipe = { ...(await loadTaskRecipe('anonymize')), candidates: 12 }
const model = await loadModel(recipe.model)
const guides = await Promise.all([recipe.guide].flat().map(name => loadRecognizer(name)))
const generator = await loadGenerator()
const groups = model.rowGroups!

/** The recipe's energies, all but those of `names` of no weight. */
function only(names: readonly string[]): Weights {
  const none = { dissimilarity: 0, diversity: 0, similarity: 0 }
  const zeros = Object.fromEntries(single.map(name => [name, 0]))
  const kept = Object.fromEntries(Object.entries(recipe.energies).filter(([name]) => names.includes(name)))
  return { ...recipe.energies, ...none, ...zeros, shell: 0, ...kept } as Weights
}

const columns: { name: string; weights?: Weights }[] = [
  { name: 'original' },
  { name: 'start' },
  ...[...perGuide, ...single].map(name => ({ name, weights: only([name]) })),
  { name: 'all', weights: recipe.energies },
]

const value = (x: tf.Tensor) => x.dataSync()[0]!
const pictures: OverlayOptions[] = []
const table: string[][] = []
for (const [row, number] of originals.entries()) {
  const face = tf.tidy(() => {
    const style = generator.mapped(normal([1, 512], 11, 'original', number) as tf.Tensor2D)
    const mean = tf.mean(generator.mapped(normal([2000, 512], 1, 'mean') as tf.Tensor2D), 0)
    const truncated = tf.add(mean, tf.mul(tf.sub(style, mean), 0.7))
    const rows = tf.tile(tf.expandDims(truncated, 1), [1, 16, 1]) as tf.Tensor3D
    return tf.clipByValue(generator.synthesize(rows, 256), -1, 1) as tf.Tensor4D
  })
  const known = { vectors: () => placeholdersOf(model, face, recipe), latent: () => model.encode(face) }
  const prepared = await prepareFace(model, guides, face, recipe, { known, identity: `${number}`, randomness: 1 })
  const first = prepared.x0Of(start, 0)
  // Diversity is of two samples: the other one is the start itself.
  const others = prepared.energies.guides.map(({ embed }) =>
    tf.tidy(() => embed(prepared.composite(model.decode(first)))),
  )
  const readings = new Map<string, (z: tf.Tensor4D) => tf.Scalar>()
  for (const { name, weights } of columns) {
    if (!weights) continue
    // Those of pictures are weighted when they are made: each column has its own.
    const images = await imageEnergies(weights, prepared)
    const energies = { ...prepared.energies, images }
    const features = readSamples(weights, energies)
    const energy = energyOf(weights, energies, name === 'diversity' ? others : undefined)
    readings.set(name, z => energy(features(z)))
  }
  for (const [column, { name }] of columns.entries()) {
    const energy = readings.get(name)
    const latents = energy
      ? optimizeLatents(first, energy, descent, {
          project: gradient => tieRows(gradient, groups),
          constrain: z => clampToShell(z, 1.3),
        })
      : first.clone()
    const shown = name === 'original' ? face.clone() : tf.tidy(() => tf.clipByValue(prepared.composite(model.decode(latents as tf.Tensor4D)), -1, 1) as tf.Tensor4D) // biome-ignore format: one line
    const [image] = await fromTensor(shown)
    pictures.push({
      input: await sharp(image!.data, { raw: { width: image!.width, height: image!.height, channels: 3 } })
        .resize(side)
        .png()
        .toBuffer(),
      left: column * side,
      top: label + row * side,
    })
    if (energy) {
      const [before, after] = [first, latents as tf.Tensor4D].map(z => value(tf.tidy(() => energy(z))))
      table.push([`${number}`, name, before!.toFixed(3), after!.toFixed(3)])
    }
    tf.dispose([shown, latents])
  }
  tf.dispose([face, ...others])
  prepared.dispose()
}
const width = columns.length * side
const names = columns.map(({ name }, i) => `<text x="${(i + 0.5) * side}" y="17" text-anchor="middle">${name}</text>`)
const labels = `<svg width="${width}" height="${label}" font-family="sans-serif" font-size="15">${names.join('')}</svg>`
await sharp({ create: { width, height: label + originals.length * side, channels: 3, background: 'white' } })
  .composite([...pictures, { input: Buffer.from(labels), left: 0, top: 0 }])
  .jpeg({ quality: 88 })
  .toFile(repositoryPath('docs/energies.jpg'))
for (const row of table) console.log(`| ${row.join(' | ')} |`)
