import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { eyeReader, gazeDegrees } from '../../energies/gaze.ts'
import { alignFfhq } from '../../faces/alignment.ts'
import { energyNetworks } from '../../faces/networks.ts'
import { apply } from '../../faces/warp.ts'
import { toTensor } from '../../images/image.ts'
import { packageFolder } from '../../util/paths.ts'
import { pooled } from '../embeddings.ts'
import { checksumOf } from '../features/cache.ts'
import type { PairFeature, PicturePair } from '../features/feature.ts'
import { meanOf } from '../intervals.ts'
import type { Metric } from '../metric.ts'
import type { Definition } from './definition.ts'

export const gazeDefinition: Definition = {
  id: 'gaze',
  name: 'Gaze error',
  unit: 'degrees',
  text:
    'Mean angle between where the eyes look in the original and in the protected face, relative to the head: yaw and pitch of ' +
    'a spherical eyeball by MediaPipe’s iris network, the mean of both eyes; over pictures in which both eyes of the ' +
    'original are open by a tenth of their width or more. A recipe that has the gaze energy follows the same network: it is ' +
    'a white box then.',
  source: 'angular error of gaze (Zhang et al., CVPR 2015); Ablavatski et al., arXiv 2006.11341, for the network',
}

/** Least opening of an eye of which a direction is told, relative to its width. */
export const leastOpening = 0.1

/** Yaw and pitch in degrees. */
export type Gaze = readonly [yaw: number, pitch: number]

/** The angle between two directions, in degrees. */
export function gazeAngle(p: Gaze, q: Gaze): number {
  const [a, b] = [direction(p), direction(q)]
  const cosine = a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  return (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI
}

function direction([yaw, pitch]: Gaze): number[] {
  const [a, b] = [(yaw * Math.PI) / 180, (pitch * Math.PI) / 180]
  return [Math.sin(a) * Math.cos(b), Math.sin(b), Math.cos(a) * Math.cos(b)]
}

// Where the eyes of a version and of its original look.

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

// Do the eyes look where they looked?

/** Read in both pictures where the original's eyes are. */
export const gaze: Metric = {
  name: 'gaze',
  group: 'utility',
  definitions: [gazeDefinition],
  needs: () => [eyes],
  run: async (evalSet, version) => {
    const { rows, people } = await pooled(evalSet, eyes, version)
    const open = rows.flatMap((row, i) => (row[4]! >= leastOpening ? [{ row, of: people[i]! }] : []))
    if (open.length === 0) return { values: [] }
    const each = open.map(({ row }) => gazeAngle([row[0]!, row[1]!], [row[2]!, row[3]!]))
    return {
      values: [
        {
          definition: gazeDefinition.id,
          version,
          ...meanOf(
            each,
            open.map(({ of }) => of),
          ),
          network: 'iris (MediaPipe)',
          role: evalSet.role('iris'),
        },
      ],
    }
  },
}
