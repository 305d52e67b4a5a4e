/**
 * Makes assets/latent-bank.safetensors, the faces in which inversion starts: `npx tsx scripts/make-latent-bank.ts [count]`.
 * Each is generated at 128 pixels from one truncated style, and described as photos will be. Faces behind hair, hats or hands
 * are left out: they would be pasted onto bare ones.
 */
import * as tf from '@tensorflow/tfjs'
import { useBackend } from '../src/backend/index.ts'
import { normal } from '../src/data/random.ts'
import { energyNetworks } from '../src/faces/differentiable-networks.ts'
import { loadGenerator } from '../src/faces/generator.ts'
import { describeFaces, isBareFace, latentBankPath } from '../src/faces/latent-bank.ts'
import { progress } from '../src/util/progress.ts'
import { writeSafetensors } from '../src/weights/safetensors.ts'

const count = Number(process.argv[2] ?? 4500)
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
  const [styles, described] = await Promise.all(made.map(rows => rows.data()))
  for (let i = 0; i < batch; i++) {
    const row = (values: typeof styles) => Float32Array.from(values!.slice((i * values!.length) / batch, ((i + 1) * values!.length) / batch)) // biome-ignore format: one line
    if (!isBareFace(row(described))) continue
    latents.push(row(styles))
    descriptors.push(row(described))
  }
  tf.dispose([...made])
  bar.update(first + batch)
}
bar.stop()
const stacked = (rows: readonly Float32Array[]) => {
  const data = Float32Array.from(rows.flatMap(row => [...row]))
  return { shape: [rows.length, data.length / rows.length], data }
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
