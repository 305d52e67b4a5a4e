/**
 * Mean and standard deviation of each channel of generated faces' latents, by which they are normalised:
 *   npx tsx scripts/latent-statistics.ts OUT.safetensors FACES...
 * FACES are stores of `diff-privacy dataset generate`.
 */
import { FaceStore } from '../src/data/face-store.ts'
import { styleWidth } from '../src/models/generator/synthesis.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'

const [out = '', ...folders] = process.argv.slice(2)
const store = await FaceStore.open(...folders)
const sums = new Float64Array(styleWidth)
const squares = new Float64Array(styleWidth)
let rows = 0
for (let face = 0; face < store.count; face++) {
  const latents = await store.latents([face])
  const values = await latents.data()
  latents.dispose()
  for (const [i, value] of values.entries()) {
    sums[i % styleWidth]! += value
    squares[i % styleWidth]! += value * value
  }
  rows += values.length / styleWidth
}
await store.close()
const mean = Float32Array.from(sums, sum => sum / rows)
const deviation = Float32Array.from(squares, (square, i) => Math.sqrt(square / rows - mean[i]! ** 2))
await writeSafetensors(
  out,
  new Map([
    ['latent_statistics.mean', { shape: [styleWidth], data: mean }],
    ['latent_statistics.deviation', { shape: [styleWidth], data: deviation }],
  ]),
  { faces: `${store.count}` },
)
