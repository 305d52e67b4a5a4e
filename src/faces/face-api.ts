/** Networks of @vladmandic/face-api with their weights. Modules import this one as '#face-api'; browsers have face-api.browser.ts. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** What every network of face-api is; those who load one know more of it. */
export interface Network {
  loadFromDisk(folder: string): Promise<void>
}

/** Networks by the names of their classes. */
export type NetworkName = 'SsdMobilenetv1' | 'FaceLandmark68Net' | 'FaceExpressionNet' | 'AgeGenderNet'

/** face-api's classes, and the folder of their weights. */
export function faceApi(): { classes: Readonly<Record<string, new () => unknown>>; folder: string } {
  // The ESM build has imports that Node cannot resolve; this one requires @tensorflow/tfjs and so shares our engine.
  const require = createRequire(import.meta.url)
  const entry = require.resolve('@vladmandic/face-api/dist/face-api.node-wasm.js')
  return { classes: require(entry), folder: join(dirname(entry), '..', 'model') }
}

/** A network with its weights on the backend in use, read from the package's folder. */
export async function loadNetwork<N extends Network>(name: NetworkName): Promise<N> {
  const { classes, folder } = faceApi()
  const network = new classes[name]!() as N
  await network.loadFromDisk(folder)
  return network
}
