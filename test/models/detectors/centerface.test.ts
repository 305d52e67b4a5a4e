import { readFile } from 'node:fs/promises'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'
import { centerFaces } from '../../../src/faces/find/centerface.ts'
import { centerFace } from '../../../src/models/detectors/centerface.ts'
import { repositoryPath } from '../../../src/util/paths.ts'
import { loadWeights } from '../../../src/weights/load.ts'
import { usableBackends } from '../backends.ts'

interface Output {
  readonly shape: readonly [n: number, c: number, h: number, w: number]
  readonly values: readonly number[]
}
/** What ONNX Runtime computes of the picture below, each output [1, c, 16, 24]. */
const golden: Readonly<Record<'heatmap' | 'scale' | 'offset' | 'landmarks', Output>> = JSON.parse(
  await readFile(new URL('../../golden/centerface/outputs.json', import.meta.url), 'utf8'),
)

/** [1, 64, 96, 3] in 0..255. */
function waves(): tf.Tensor4D {
  const values = new Float32Array(64 * 96 * 3)
  for (let y = 0, k = 0; y < 64; y++)
    for (let x = 0; x < 96; x++)
      for (let c = 0; c < 3; c++) values[k++] = 127.5 + 127.5 * Math.sin(0.1 * (c + 1) * (x + 2 * y))
  return tf.tensor4d(values, [1, 64, 96, 3])
}

describe.each(usableBackends)('on %s', backend => {
  const network = centerFace()
  beforeAll(async () => {
    await useBackend(backend)
  })

  it('computes what ONNX Runtime computes, as nearly as half-precision weights can', async () => {
    const weights = await loadWeights(repositoryPath('assets/centerface.safetensors'), network.parameters, {
      strict: true,
    })
    const before = tf.memory().numTensors
    const input = waves()
    const output = network(weights, input)
    expect(tf.memory().numTensors).toBe(before + 2)
    expect(output.shape).toEqual([1, 16, 24, 15])
    const values = await output.data()
    tf.dispose([input, output, weights])
    let channel = 0
    for (const [name, most] of [
      ['heatmap', 1e-4],
      ['scale', 5e-3],
      ['offset', 5e-3],
      ['landmarks', 5e-3],
    ] as const) {
      const expected = golden[name]
      const channels = expected.shape[1]
      const worst = Math.max(
        ...expected.values.map((value, k) => {
          const [c, cell] = [Math.floor(k / 384), k % 384]
          const found = values[15 * cell + channel + c]!
          return Math.abs((name === 'heatmap' ? 1 / (1 + Math.exp(-found)) : found) - value)
        }),
      )
      expect(worst, name).toBeLessThan(most)
      channel += channels
    }
  })

  it('sees nothing in a flat picture whose sides are no multiples of 32', async () => {
    const flat = { width: 50, height: 70, data: new Uint8Array(50 * 70 * 3).fill(90) }
    expect(await centerFaces([flat, flat], 0.3)).toEqual([[], []])
    expect(await centerFaces([], 0.3)).toEqual([])
  })
})
