import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { backgroundMask } from '../../src/faces/mask.ts'
import { bisenet } from '../../src/models/bisenet.ts'
import { proceduralWeight } from '../../src/parity/procedural.ts'
import { normal } from '../../src/util/random.ts'
import { cacheFolder } from '../../src/weights/cache.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'

let home: string
beforeAll(async () => {
  await useBackend('wasm')
  home = mkdtempSync(join(tmpdir(), 'background-'))
  vi.stubEnv('XDG_CACHE_HOME', home)
})
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true })
})

const face = () => tf.tidy(() => tf.clipByValue(normal([1, 64, 64, 3], 1, 'face'), -1, 1) as tf.Tensor4D)

it('around the mean face: the corners are background, the middle is not', async () => {
  const mask = await backgroundMask(face(), 8, 'template')
  expect(mask.shape).toEqual([1, 8, 8, 1])
  const rows = tf.squeeze(mask).arraySync() as number[][]
  expect([rows[0]![0], rows[7]![7]]).toEqual([1, 1])
  expect(rows[4]![4]).toBeCloseTo(0, 6)
})

it("by parsing: says which weights are missing, then gives each latent pixel's share of background", async () => {
  await expect(backgroundMask(face(), 8, 'parsing')).rejects.toThrow('weights pull bisenet')
  const tensors = Object.entries(bisenet().parameters).map(
    ([name, shape]) => [name, { shape, data: proceduralWeight(name, shape) }] as const,
  )
  await writeSafetensors(join(cacheFolder('bisenet'), '79999_iter.pth'), new Map(tensors))
  const mask = await backgroundMask(face(), 8, 'parsing')
  expect(mask.shape).toEqual([1, 8, 8, 1])
  const values = [...mask.dataSync()]
  expect(values.every(value => value >= 0 && value <= 1)).toBe(true)
  // Of 64 x 64 pixels of the parser's output in each of these.
  expect(values.every(value => Math.abs(value * 4096 - Math.round(value * 4096)) < 1e-3)).toBe(true)
})
