/**
 * How much of an original face a composite lets through: docs/security.md.
 *   npx tsx scripts/original-share.ts
 * Pairs of generated faces at 1024 pixels: the one is the photo, the other takes its place. What hair or hands cover in either
 * stays the photo's, and counts as not changed.
 */
import * as tf from '@tensorflow/tfjs'
import { releaseBackend, useBackend } from '../src/backend/index.ts'
import { ffhqTransform } from '../src/faces/alignment.ts'
import { originalShare } from '../src/faces/composite.ts'
import { detectFaces } from '../src/faces/detect.ts'
import { loadGenerator } from '../src/faces/generator.ts'
import { fromTensor, type Image } from '../src/images/image.ts'
import { normal } from '../src/util/random.ts'

const pairs = 24
const side = 1024

await useBackend('auto')
const generator = await loadGenerator()
const mean = tf.mean(generator.mapped(normal([2000, 512], 1, 'mean') as tf.Tensor2D), 0)

async function generated(number: number): Promise<Image> {
  const face = tf.tidy(() => {
    const style = generator.mapped(normal([1, 512], 17, 'face', number) as tf.Tensor2D)
    const truncated = tf.add(mean, tf.mul(tf.sub(style, mean), 0.7))
    const rows = tf.tile(tf.expandDims(truncated, 1), [1, 16, 1]) as tf.Tensor3D
    return tf.clipByValue(generator.synthesize(rows, side), -1, 1) as tf.Tensor4D
  })
  const [image] = await fromTensor(face)
  face.dispose()
  return image!
}

const shares: { details: number; lowFrequencies: number }[] = []
for (let i = 0; i < pairs; i++) {
  const [photo, other] = [await generated(2 * i), await generated(2 * i + 1)]
  const [face] = await detectFaces(photo)
  if (face)
    shares.push(
      originalShare(photo, other, { transform: ffhqTransform(face.landmarks, side), landmarks: face.landmarks }),
    )
}
const quantile = (key: keyof (typeof shares)[number], q: number) =>
  shares.map(share => share[key]).sort((a, b) => a - b)[Math.floor(q * (shares.length - 1))]!
const percent = (value: number) => `${(100 * value).toFixed(0)} %`
for (const key of ['details', 'lowFrequencies'] as const)
  console.log(
    `${key}: median ${percent(quantile(key, 0.5))}, 90th percentile ${percent(quantile(key, 0.9))} of ${shares.length} faces`,
  )
await releaseBackend()
