import * as tf from '@tensorflow/tfjs'
import { bytesToTensor } from '../images/image.ts'
import { type FidResizeName, fidInception, fidInput, fidResizes } from '../models/fid-inception.ts'
import type { Weights } from '../models/module.ts'
import { type Check, checkOver, compare, type GoldenFile } from './golden.ts'
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
  const compute = async (weights: Weights) => {
    const checks: Check[] = []
    for (const resize of Object.keys(fidResizes) as FidResizeName[])
      for (const [width, height] of pictures) {
        const what = `${resize} ${width}x${height}`
        const bytes = proceduralPicture(`fid-inception:${width}x${height}`, width, height)
        const features = tf.tidy(() => network(weights, fidInput(bytesToTensor(bytes, [1, height, width, 3]), resize)))
        checks.push(await compare(what, features, outputs[what]))
      }
    return checks
  }
  return checkOver(network.parameters, parameters, compute, gain)
}
