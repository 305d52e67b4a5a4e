/**
 * Makes assets/latent-bank.safetensors, the faces in which inversion starts: `npx tsx scripts/make-latent-bank.ts [count]`.
 * Each is drawn at 128 pixels from one truncated style, and described as photos will be.
 */
import * as tf from '@tensorflow/tfjs'
import { useBackend } from '../src/backend/index.ts'
import { normal } from '../src/data/random.ts'
import { energyNetworks } from '../src/faces/differentiable-networks.ts'
import { loadGenerator } from '../src/faces/generator.ts'
import { describeFaces, latentBankPath } from '../src/faces/latent-bank.ts'
import { progress } from '../src/progress.ts'
import { writeSafetensors } from '../src/weights/safetensors.ts'

const count = Number(process.argv[2] ?? 3000)
/** Faces at once, and how far styles are from their mean, as a share of what the mapping network gives. */
const [batch, truncation] = [8, 0.8]

await useBackend('tensorflow')
const [generator, networks] = [await loadGenerator(), await energyNetworks()]
const mean = tf.tidy(() => tf.mean(generator.mapped(normal([10_000, 512], 1, 'mean') as tf.Tensor2D), 0))
const [latents, descriptors]: [Float32Array[], Float32Array[]] = [[], []]
const bar = progress('generating', count)
for (let first = 0; first < count; first += batch) {
  const made = tf.tidy(() => {
    const full = generator.mapped(normal([batch, 512], 2, 'latent bank', first) as tf.Tensor2D)
    const styles = tf.add(mean, tf.mul(tf.sub(full, mean), truncation))
    const faces = generator.synthesize(tf.tile(tf.expandDims(styles, 1), [1, 16, 1]) as tf.Tensor3D, 128)
    return [generator.toLatents(styles), describeFaces(networks, tf.clipByValue(faces, -1, 1))] as const
  })
  latents.push(Float32Array.from(await made[0].data()))
  descriptors.push(Float32Array.from(await made[1].data()))
  tf.dispose([...made])
  bar.update(first + batch)
}
bar.stop()
const stacked = (rows: readonly Float32Array[]) => {
  const data = Float32Array.from(rows.flatMap(row => [...row]))
  const m = rows.length * batch
  return { shape: [m, data.length / m], data }
}
await writeSafetensors(
  latentBankPath(),
  new Map([
    ['latents', stacked(latents)],
    ['descriptors', stacked(descriptors)],
  ]),
  { source: 'assets/generator.safetensors', truncation: String(truncation) },
  { dtype: 'F16' },
)
