import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'
import { lpipsDistance } from '../../../src/eval/features/lpips.ts'
import { lpips } from '../../../src/models/lpips.ts'
import { initialise } from '../../../src/train/state.ts'
import { saveWeights } from '../../../src/weights/write-safetensors.ts'
import { blocks } from '../procedural.ts'

const root = mkdtempSync(join(tmpdir(), 'lpips-'))
const [trunk, linear] = [join(root, 'trunk.safetensors'), join(root, 'linear.safetensors')]
afterAll(() => rmSync(root, { recursive: true }))

beforeAll(async () => {
  await useBackend('wasm')
  const weights = Object.entries(initialise(lpips('squeeze').parameters, 0))
  await saveWeights(trunk, Object.fromEntries(weights.filter(([name]) => name.startsWith('features'))))
  // Distances are weighted sums of squares: weights of lpips are not negative.
  const lines = weights.filter(([name]) => name.startsWith('lin')).map(([name, w]) => [name, tf.abs(w)] as const)
  await saveWeights(linear, Object.fromEntries(lines))
})

test('the trunk is known by what the two files hold; equal pictures have no distance', async () => {
  const { name, feature } = await lpipsDistance([trunk, linear])
  expect(name).toBe('LPIPS 0.1 on SqueezeNet 1.1')
  const { compute, checksum } = await feature.load()
  expect(checksum).toMatch(/^[0-9a-f]{64}$/)
  const place = { a: 1, b: 0, tx: 0, ty: 0 }
  const [a, b] = [blocks(64, 'a'), blocks(64, 'b')]
  const before = tf.memory().numTensors
  const [same, other] = await compute([
    { original: a, version: a, place },
    { original: a, version: b, place },
  ])
  expect(tf.memory().numTensors).toBe(before)
  expect(same![0]).toBeCloseTo(0, 6)
  expect(other![0]).toBeGreaterThan(1e-4)
})

test('files that are not whole are refused', async () => {
  await expect(lpipsDistance([trunk])).rejects.toThrow('expected the weights of LPIPS on alex, vgg, squeeze')
})
