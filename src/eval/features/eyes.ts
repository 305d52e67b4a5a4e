/** Where the eyes of a version and of its original look. */
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { eyeReader, gazeDegrees } from '../../energies/gaze.ts'
import { alignFfhq } from '../../faces/alignment.ts'
import { energyNetworks } from '../../faces/differentiable-networks.ts'
import { apply } from '../../faces/similarity.ts'
import { toTensor } from '../../images/image.ts'
import { packageFolder } from '../../util/paths.ts'
import { checksumOf } from './checksum.ts'
import type { PairFeature, PicturePair } from './feature.ts'

/** Side of the FFHQ square that the eyes are read in: about the iris network's own scale. */
const side = 256

/** A row: yaw and pitch in degrees of the original and of the version, the less open eye of the original; NaN of no face. */
export const eyes: PairFeature = {
  name: 'eyes',
  of: 'pair',
  load: async () => {
    const { iris } = await energyNetworks()
    const read = async ({ original, version, landmarks }: PicturePair) => {
      if (!landmarks) return new Float32Array(5).fill(Number.NaN)
      const [a, b] = [alignFfhq(original, landmarks, side), alignFfhq(version, landmarks, side)]
      const points = landmarks.map(point => apply(a.transform, point))
      const values = tf.tidy(() => {
        const [x, y] = [toTensor(a.face), toTensor(b.face)]
        const state = eyeReader({ face: x, landmarks: points }, iris)(tf.concat([x, y]))
        const opening = tf.min(tf.slice(state.opening, [0, 0], [1, 2]))
        return tf.concat([tf.reshape(gazeDegrees(state), [-1]), tf.reshape(opening, [1])])
      })
      const row = (await values.data()) as Float32Array
      values.dispose()
      return Float32Array.from(row)
    }
    return {
      checksum: await checksumOf([join(packageFolder('@vladmandic/human'), 'models', 'iris.bin')]),
      compute: async pairs => {
        const rows: Float32Array[] = []
        for (const pair of pairs) rows.push(await read(pair))
        return rows
      },
    }
  },
}
