/** Protects one face on a backend as the program does, and prints the most memory that the process had, in bytes. */
import * as tf from '@tensorflow/tfjs'
import { peakMemory } from '../../bench/peak-memory.ts'
import { useBackend } from '../../src/backend/index.ts'
import { guidesOf, loadRecipe } from '../../src/config/recipe.ts'
import { loadRecognizer } from '../../src/faces/recognizers.ts'
import { protectFace } from '../../src/pipeline/face.ts'
import { loadModel } from '../../src/pipeline/model.ts'
import { makeSecret } from '../../src/pipeline/recovery.ts'

await useBackend(process.argv[2])
const recipe = await loadRecipe('faces-128/anonymize', ['steps=4', 'recovery.steps=4', 'attempts=1'])
const model = await loadModel(recipe.model)
const guides = await Promise.all(guidesOf(recipe).map(loadRecognizer))
const face = tf.zeros([1, model.imageSize, model.imageSize, 3]) as tf.Tensor4D
await (await protectFace(model, guides, face, recipe, { randomness: 0, identity: 'measured' })).data()
await makeSecret(model, face, recipe).latent.data()
console.log(peakMemory('self'))
process.exit(0)
