import * as tf from '@tensorflow/tfjs'
import { bytesToTensor } from '../data/image.ts'
import { type FidResizeName, fidInception, fidInput, fidResizes } from '../models/fid-inception.ts'
import { type Check, compare, compareParameters, type GoldenFile, proceduralWeights } from './golden.ts'
import { proceduralPicture } from './procedural.ts'

interface FidConfig {
  /** Of the convolutions' procedural weights. */
  gain: number
  pictures: [width: number, height: number][]
}

/** The features of a picture of each size, made the network's input as each implementation of FID does. */
export async function checkFidInception({
  config: { gain, pictures },
  parameters,
  outputs,
}: GoldenFile<FidConfig>): Promise<Check[]> {
  const network = fidInception()
  const checks = [compareParameters(network.parameters, parameters)]
  if (checks[0]!.relativeError > 0) return checks
  const weights = proceduralWeights(network.parameters, gain)
  for (const resize of Object.keys(fidResizes) as FidResizeName[])
    for (const [width, height] of pictures) {
      const what = `${resize} ${width}x${height}`
      const bytes = proceduralPicture(`fid-inception:${width}x${height}`, width, height)
      const features = tf.tidy(() => network(weights, fidInput(bytesToTensor(bytes, [1, height, width, 3]), resize)))
      checks.push(await compare(what, features, outputs[what]))
    }
  tf.dispose(weights)
  return checks
}
