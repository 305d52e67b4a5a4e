import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { editDistance, nearest, UserError } from '../../src/util/errors.ts'
import { sha256, verify } from '../../src/weights/checksum.ts'
import { toCheckpoint, toRuntime } from '../../src/weights/layout.ts'
import { loadWeights } from '../../src/weights/load.ts'
import { nameTable } from '../../src/weights/names.ts'
import { saveWeights, writeSafetensors } from '../../src/weights/write-safetensors.ts'

let folder: string
let path: string
const conv = Float32Array.from({ length: 2 * 3 * 1 * 2 }, (_, i) => i) // [out 2, in 3, kh 1, kw 2]
beforeAll(async () => {
  await tf.setBackend('cpu')
  folder = await mkdtemp(join(tmpdir(), 'weights-'))
  path = join(folder, 'model.safetensors')
  await writeSafetensors(
    path,
    new Map([
      ['unet.conv.weight', { shape: [2, 3, 1, 2], data: conv }],
      ['unet.conv.bias', { shape: [2], data: Float32Array.of(7, 8) }],
      ['other', { shape: [1], data: Float32Array.of(9) }],
    ]),
  )
})
afterAll(() => rm(folder, { recursive: true }))

const shapes = { 'conv.weight': [2, 3, 1, 2], 'conv.bias': [2] }

describe('layout', () => {
  it('moves the filter axes and back', () => {
    const { shape, data } = toRuntime([2, 3, 1, 2], conv)
    expect(shape).toEqual([1, 2, 3, 2])
    // value at [o, i, 0, k] of the checkpoint is o * 6 + i * 2 + k
    expect([...data]).toEqual([0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11])
    expect(toCheckpoint(shape, data)).toEqual({ shape: [2, 3, 1, 2], data: conv })
  })
  it('leaves every other rank alone', () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6)
    for (const shape of [[6], [2, 3], [1, 2, 3]]) expect(toRuntime(shape, data)).toEqual({ shape, data })
  })
})

describe('loadWeights', () => {
  it('loads in run-time layout and saves in the checkpoint layout', async () => {
    const weights = await loadWeights(path, shapes, { prefix: 'unet.' })
    expect(weights['conv.weight']!.shape).toEqual([1, 2, 3, 2])
    expect([...(await weights['conv.weight']!.data())]).toEqual([...toRuntime([2, 3, 1, 2], conv).data])

    const copy = join(folder, 'copy.safetensors')
    await saveWeights(copy, weights, { step: '3' }, 'F16') // small integers are exact in half precision
    const again = await loadWeights(copy, shapes, { strict: true })
    for (const name of Object.keys(shapes)) expect(await again[name]!.array()).toEqual(await weights[name]!.array())
    tf.dispose([weights, again])
  })

  it('renames by the table that finds most', async () => {
    const tables = [nameTable([['', 'unet']]), nameTable([['bias', 'unet.conv.bias']]), nameTable([])]
    const weights = await loadWeights(path, { bias: [2] }, { layout: { tables } })
    expect([...(await weights.bias!.data())]).toEqual([7, 8])
    tf.dispose(weights)
  })

  it('reports what is missing, misshapen and extra, and keeps no tensor', async () => {
    const before = tf.memory().numTensors
    const fails = (wanted: Record<string, number[]>, options: object, message: RegExp) =>
      expect(loadWeights(path, wanted, { prefix: 'unet.', ...options })).rejects.toThrow(message)
    await fails({ ...shapes, 'conv.wieght': [1] }, {}, /expected a tensor 'unet\.conv\.wieght' \(nearest/)
    await fails({ ...shapes, 'conv.bias': [3] }, {}, /'unet\.conv\.bias' has shape \[2\], the model wants \[3\]/)
    await fails({ 'conv.bias': [2] }, { strict: true }, /no tensor 'unet\.conv\.weight'/)
    await expect(loadWeights(path, { lost: [1], ...shapes }, {})).rejects.toThrow(UserError)
    expect(tf.memory().numTensors).toBe(before)
  })

  it('tells of extra tensors when asked, only those under the prefix', async () => {
    const told: string[] = []
    tf.dispose(
      await loadWeights(path, { 'conv.bias': [2] }, { prefix: 'unet.', onExtra: names => told.push(...names) }),
    )
    expect(told).toEqual(['unet.conv.weight'])
  })
})

describe('nearest', () => {
  it('counts edits', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3)
    expect(editDistance('', 'abc')).toBe(3)
  })
  it('orders by distance and leaves out what is far', () => {
    expect(nearest('stpes', ['steps', 'stripes', 'guidance', 'seed'])).toEqual(['steps', 'stripes'])
    expect(nearest('x', ['guidance'])).toEqual([])
  })
})

describe('checksum', () => {
  it('knows the sum of "abc" and names both sums otherwise', async () => {
    const abc = join(folder, 'abc')
    const sum = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    await writeFile(abc, 'abc')
    expect(await sha256(abc)).toBe(sum)
    await verify(abc, sum.toUpperCase())
    await writeFile(abc, 'abd')
    await expect(verify(abc, sum)).rejects.toThrow(new RegExp(`${sum}, found [0-9a-f]{64}`))
    await expect(sha256(join(folder, 'absent'))).rejects.toThrow(UserError)
  })
})
