import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'
import { attributeJudge } from '../../../src/faces/attributes.ts'
import { dlibCrop } from '../../../src/models/recognizers/dlib.ts'
import { cropResize } from '../../../src/models/recognizers/recognizer.ts'
import { packageFolder } from '../../../src/util/paths.ts'
import { usableBackends } from '../backends.ts'

/** The published graph. */
async function graph(): Promise<tf.GraphModel> {
  const folder = join(packageFolder('@vladmandic/human'), 'models')
  const { modelTopology, weightsManifest, signature } = JSON.parse(readFileSync(join(folder, 'faceres.json'), 'utf8'))
  const { buffer, byteOffset, byteLength } = readFileSync(join(folder, 'faceres.bin'))
  const weightData = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
  const weightSpecs = weightsManifest[0].weights
  return tf.loadGraphModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData, signature }))
}

describe.each(usableBackends)('on %s', backend => {
  beforeAll(() => useBackend(backend))

  it('reads age and sex as the published graph does, and leaves no tensor', async () => {
    const [judge, published] = [await attributeJudge(), await graph()]
    const faces = tf.tidy(() => {
      const coarse = tf.randomUniform([2, 12, 12, 3], -1, 1, 'float32', 2) as tf.Tensor4D
      return tf.image.resizeBilinear(coarse, [128, 128]) as tf.Tensor4D
    })
    const before = tf.memory().numTensors
    const { age, maleLogOdds } = judge(faces)
    const [male, perYear] = tf.tidy(() => {
      const rgb = tf.mul(tf.add(cropResize(faces, dlibCrop, 224), 1), 127.5)
      const x = tf.sub(tf.reverse(rgb, 3), [103.939, 116.779, 123.68])
      return published.execute(x, ['gender_pred/Sigmoid', 'age_pred/Softmax']) as [tf.Tensor, tf.Tensor]
    }) as [tf.Tensor2D, tf.Tensor2D]
    const shares = await perYear.array()
    const years = shares.map(row => row.reduce((sum, share, i) => sum + share * i, 0))
    const odds = (await male.array()).map(([p]) => Math.log(p! / (1 - p!)))
    const [ages, logOdds] = [await age.data(), await maleLogOdds.data()]
    for (const i of [0, 1]) {
      expect(ages[i]).toBeCloseTo(years[i]!, 1)
      expect(logOdds[i]).toBeCloseTo(odds[i]!, 1)
    }
    expect(Math.abs(ages[0]! - ages[1]!)).toBeGreaterThan(0.01)
    tf.dispose([age, maleLogOdds, male, perYear])
    expect(tf.memory().numTensors).toBe(before)
    faces.dispose()
    published.dispose()
  })
})
