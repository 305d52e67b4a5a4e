import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import type { ModelConfig } from '../../src/config/model.ts'
import { loadNetworkWeights, modelChecksum } from '../../src/pipeline/model-weights.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'

const folder = mkdtempSync(join(tmpdir(), 'model-weights-'))
const shapes = { 'linear.weight': [2, 3], 'linear.bias': [2] }
beforeAll(async () => {
  await useBackend('cpu')
})
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  vi.restoreAllMocks()
})

/** A file of tensors of ones, and a model whose networks are in it. */
async function modelOf(tensors: Record<string, number[]>): Promise<ModelConfig> {
  const path = join(folder, 'weights.safetensors')
  const ones = Object.entries(tensors).map(
    ([name, shape]) => [name, { shape, data: new Float32Array(tf.util.sizeFromShape(shape)).fill(1) }] as const,
  )
  await writeSafetensors(path, new Map(ones))
  return { name: 'small', weights: path } as ModelConfig
}

it('names a tensor that the network does not have, with the nearest that it has, and loads the others', async () => {
  const said = vi.spyOn(console, 'warn').mockReturnValue()
  const model = await modelOf({ 'msi.linear.weight': [2, 3], 'msi.linear.bias': [2], 'msi.linear.biass': [2] })
  const weights = await loadNetworkWeights(model, 'msi', shapes)
  expect(Object.keys(weights)).toEqual(Object.keys(shapes))
  expect(said).toHaveBeenCalledTimes(1)
  expect(said.mock.calls[0]![0]).toMatch(
    /^warning: .*the msi of 'small' has no tensor 'msi.linear.biass'.*linear.bias.*$/,
  )
})

it('names a tensor that is missing or misshapen, with the nearest name of the file', async () => {
  const misnamed = await modelOf({ 'msi.linear.weight': [2, 3], 'msi.linear.bais': [2] })
  await expect(loadNetworkWeights(misnamed, 'msi', shapes)).rejects.toThrow(/'msi.linear.bias'.*'msi.linear.bais'/)
  const misshapen = await modelOf({ 'msi.linear.weight': [3, 3], 'msi.linear.bias': [2] })
  await expect(loadNetworkWeights(misshapen, 'msi', shapes)).rejects.toThrow(/'msi.linear.weight' has shape \[3, ?3\]/)
})

it('sums the files of a folder that are loaded: a copy in another precision or format changes nothing', async () => {
  const pipeline = join(folder, 'pipeline')
  const put = (part: string, file: string) => {
    mkdirSync(join(pipeline, part), { recursive: true })
    writeFileSync(join(pipeline, part, file), `${part} ${file}`)
  }
  const sum = (...parts: string[]) => {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(createHash('sha256').update(part).digest('hex'))
    return hash.digest('hex')
  }
  put('unet', 'diffusion_pytorch_model.safetensors')
  put('text_encoder', 'model.safetensors')
  const model = { name: 'pipeline', weights: pipeline } as ModelConfig
  const expected = sum('text_encoder model.safetensors', 'unet diffusion_pytorch_model.safetensors')
  expect(await modelChecksum(model)).toBe(expected)
  put('unet', 'diffusion_pytorch_model.fp16.safetensors')
  put('text_encoder', 'pytorch_model.bin')
  expect(await modelChecksum(model)).toBe(expected)
})

it('reads a network that is spread over several files', async () => {
  const paths = ['a', 'b'].map(name => join(folder, `${name}.safetensors`))
  const [weight, bias] = Object.entries(shapes)
  for (const [i, [name, shape]] of [weight!, bias!].entries()) {
    const data = new Float32Array(tf.util.sizeFromShape(shape)).fill(i)
    await writeSafetensors(paths[i]!, new Map([[`msi.${name}`, { shape, data }]]))
  }
  const of = (msi: string | string[]) => ({ name: 'spread', weights: { msi } }) as unknown as ModelConfig
  const weights = await loadNetworkWeights(of(paths), 'msi', shapes)
  expect(Object.values(weights).map(tensor => tensor.dataSync()[0])).toEqual([0, 1])
  await expect(loadNetworkWeights(of(paths[0]!), 'msi', shapes)).rejects.toThrow("expected a tensor 'msi.linear.bias'")
  await expect(loadNetworkWeights(of([...paths, paths[1]!]), 'msi', shapes)).rejects.toThrow(
    "two tensors are called 'msi.linear.bias'",
  )
})
