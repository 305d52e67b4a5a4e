import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { bytesToTensor } from '../../src/images/image.ts'
import { lpips, lpipsTrunkOf, lpipsTrunks } from '../../src/models/lpips.ts'
import { proceduralWeights } from '../../src/parity/golden.ts'
import { proceduralPicture } from '../../src/parity/procedural.ts'
import { usableBackends } from './backends.ts'

describe.each(lpipsTrunks)('the trunk %s', trunk => {
  const { parameters } = lpips(trunk)
  const files = new Map(Object.entries(parameters))

  it('is known by its parameters, among others', () => {
    expect(lpipsTrunkOf(files)).toBe(trunk)
    expect(lpipsTrunkOf(new Map([...files, ['classifier.1.weight', [4096, 9216]]]))).toBe(trunk)
  })

  it('is not known by a part of them, or by other shapes', () => {
    const withoutLinear = new Map([...files].filter(([name]) => !name.startsWith('lin')))
    expect(lpipsTrunkOf(withoutLinear)).toBeUndefined()
    expect(lpipsTrunkOf(new Map([...files, ['features.0.weight', [64, 1, 3, 3]]]))).toBeUndefined()
  })
})

// The values themselves are golden numbers, in test/parity.test.ts.
it.each(usableBackends)('is symmetric and zero for equal pictures on %s', async backend => {
  await useBackend(backend)
  const before = tf.memory().numTensors
  const network = lpips('squeeze')
  const weights = proceduralWeights(network.parameters)
  const pictures = ['a', 'b', 'a'].map(name => bytesToTensor(proceduralPicture(name, 40, 33), [1, 33, 40, 3]))
  const [ab, ba, aa] = [[0, 1], [1, 0], [0, 2]].map(([i, j]) => network(weights, pictures[i!]!, pictures[j!]!)) // biome-ignore format: short
  expect(ab!.shape).toEqual([1])
  expect((await ab!.data())[0]).toBeCloseTo((await ba!.data())[0]!, 6)
  expect((await ab!.data())[0]).not.toBe(0)
  expect((await aa!.data())[0]).toBe(0)
  tf.dispose([weights, pictures, [ab!, ba!, aa!]])
  expect(tf.memory().numTensors).toBe(before)
})
