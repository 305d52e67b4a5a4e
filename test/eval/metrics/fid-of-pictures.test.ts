/**
 * FID and KID from pictures to number: procedural weights and pictures, each implementation's own resize. clean-fid's is
 * checked by its features, in test/parity.test.ts.
 */
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'
import { fid } from '../../../src/eval/metrics/fid.ts'
import { kid } from '../../../src/eval/metrics/kid.ts'
import { productsOf, type Vectors } from '../../../src/eval/metrics/vectors.ts'
import { bytesToTensor } from '../../../src/images/image.ts'
import { type FidResizeName, fidInception, fidInput } from '../../../src/models/fid-inception.ts'
import type { Weights } from '../../../src/models/module.ts'
import { proceduralWeights } from '../../../src/parity/golden.ts'
import { proceduralPicture } from '../../../src/parity/procedural.ts'
import { usableBackends } from '../../models/backends.ts'
import { golden, measured, relative } from './golden.ts'

interface Expected {
  config: { gain: number; set: { count: number; side: number } }
  distances: Record<FidResizeName, Record<'pytorch-fid FID' | 'torch-fidelity FID' | 'torch-fidelity KID', number>>
}

const { config, distances } = await golden<Expected>('fid-inception')
const network = fidInception()
let weights: Weights

beforeAll(async () => {
  await useBackend(usableBackends.includes('tensorflow') ? 'tensorflow' : 'wasm')
  weights = proceduralWeights(network.parameters, config.gain)
})
afterAll(() => tf.dispose(weights))

/** Features of the pictures called x0, x1, ... or y0, y1, ..., the latter darkened. */
async function features(name: 'x' | 'y', resize: FidResizeName): Promise<Vectors> {
  const { count, side } = config.set
  const bytes = Array.from({ length: count }, (_, i) => proceduralPicture(`fid:${name}${i}`, side, side)).map(
    picture => (name === 'y' ? picture.map(value => value >> 1) : picture),
  )
  const tensor = tf.tidy(() => {
    const pictures = tf.concat(bytes.map(picture => bytesToTensor(picture, [1, side, side, 3])))
    return network(weights, fidInput(pictures, resize))
  })
  const values = (await tensor.data()) as Float32Array
  const dimensions = tensor.shape[1]
  tensor.dispose()
  return { dimensions, values }
}

it.each(['pytorch-fid', 'torch-fidelity'] as const)('as %s sees them', async resize => {
  const expected = distances[resize]
  const [x, y] = [await features('x', resize), await features('y', resize)]
  expect(relative(measured(fid(x, y)), expected['pytorch-fid FID'])).toBeLessThan(1e-4)
  expect(relative(measured(fid(x, y)), expected['torch-fidelity FID'])).toBeLessThan(1e-4)
  expect(relative(measured(kid(productsOf(x, y))).mean, expected['torch-fidelity KID'])).toBeLessThan(1e-4)
})
