/** Age, sex and expression as networks see them that no energy follows. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { attributeJudge } from '../../faces/attributes.ts'
import { cropResize } from '../../models/recognizers/crop.ts'
import { dlibCrop } from '../../models/recognizers/dlib.ts'
import { oncePer } from '../../util/memoize.ts'
import { packageFolder } from '../../util/paths.ts'
import { checksumOf } from './checksum.ts'
import type { FaceFeature } from './feature.ts'
import { rowsOf } from './networks.ts'

/** The expressions of human's network, in its order. */
export const judgedExpressions = ['angry', 'disgusted', 'fearful', 'happy', 'sad', 'surprised', 'neutral'] as const

const emotionPath = (extension: string) => join(packageFolder('@vladmandic/human'), 'models', `emotion.${extension}`)
const emotionSide = 64
/** Shares of red, green and blue in its grey. */
const grey = [0.2989, 0.587, 0.114]

const loadOn = oncePer(async (_backend: string) => {
  const { modelTopology, weightsManifest } = JSON.parse(await readFile(emotionPath('json'), 'utf8'))
  const weightData = Uint8Array.from(await readFile(emotionPath('bin'))).buffer
  const weightSpecs = weightsManifest.flatMap((group: { weights: tf.io.WeightsManifestEntry[] }) => group.weights)
  return tf.loadGraphModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) })
})

/** A row: age in years, log-odds of a male face, probability of each expression; cut out where the original's face is. */
export const judged: FaceFeature = {
  name: 'judged',
  of: 'face',
  alignments: ['original'],
  load: async () => {
    const [judge, emotion] = [await attributeJudge(), await loadOn(tf.getBackend())]
    const faceres = join(packageFolder('@vladmandic/human'), 'models', 'faceres.bin')
    return {
      checksum: await checksumOf([faceres, emotionPath('bin')]),
      compute: faces =>
        rowsOf(faces, x => {
          const { age, maleLogOdds } = judge(x)
          // Grey in [-1, 1], as human's own code gives it.
          const small = tf.sum(tf.mul(cropResize(x, dlibCrop, emotionSide), grey), 3, true)
          const expressions = emotion.execute(small) as tf.Tensor2D
          return tf.concat2d([tf.stack([age, maleLogOdds], 1) as tf.Tensor2D, expressions], 1)
        }),
    }
  },
}
