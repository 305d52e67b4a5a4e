import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadModelConfig } from '../../src/config/model.ts'
import { clipImage } from '../../src/models/clip.ts'
import { clipVitL14 } from '../../src/models/clip-features.ts'
import { type LatentDiffusion, latentDiffusion, parametersOf } from '../../src/models/latent-diffusion.ts'
import type { Shapes } from '../../src/models/module.ts'
import { inceptionResnetV1 } from '../../src/models/recognizers/inception-resnet.ts'
import { autoencoderLayout, textLayout, unetLayout } from '../../src/weights/layouts/stable-diffusion.ts'
import { clipImageLayout, faceNetLayout, type Layout, under } from '../../src/weights/layouts.ts'
import { loadWeights, sameShape } from '../../src/weights/load.ts'
import { nameTable, within } from '../../src/weights/names.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'

type Tree = { [name: string]: number[] | Tree }

/** The published names and shapes of test/golden/names. */
async function published(list: string): Promise<Map<string, number[]>> {
  const tree: Tree = JSON.parse(await readFile(new URL(`../golden/names/${list}.json`, import.meta.url), 'utf8'))
  const walk = (node: Tree, prefix: string): [string, number[]][] =>
    Object.entries(node).flatMap(([name, value]) =>
      Array.isArray(value) ? [[prefix + name, value]] : walk(value, `${prefix}${name}.`),
    )
  return new Map(walk(tree, ''))
}

let parameters: Record<keyof LatentDiffusion, Shapes>
beforeAll(async () => {
  await tf.setBackend('cpu')
  const config = await loadModelConfig('stable-diffusion-v1-4')
  const prompt = { placeholder: [], empty: [], position: 0 }
  parameters = parametersOf(latentDiffusion({ ...config, prompt }))
})

describe('the tables name every tensor of the published networks, and none besides', () => {
  const cases: [string, string, Layout, () => Shapes][] = [
    ['diffusers', 'unet.', unetLayout, () => parameters.unet],
    ['diffusers', 'vae.', autoencoderLayout, () => parameters.autoencoder],
    ['diffusers-old-vae', 'vae.', autoencoderLayout, () => parameters.autoencoder],
    ['diffusers', 'text_encoder.text_model.', textLayout, () => parameters.text],
    ['clip-vit-large-patch14', 'vision_model.', clipImageLayout, () => clipImage(clipVitL14).parameters],
    ['facenet', '', faceNetLayout, () => inceptionResnetV1().parameters],
  ]
  it.each(cases)('%s, %s', async (list, prefix, { tables, ignored }, shapesOf) => {
    const names = [...(await published(list))].filter(([name]) => name.startsWith(prefix) && !ignored?.test(name))
    const shapes = shapesOf()
    const fitting = tables.filter(table => names.every(([name]) => Object.hasOwn(shapes, table.ours(name) ?? '')))
    expect(fitting).toHaveLength(1)
    const [table] = fitting
    expect(table!.scope).toBe(prefix)
    expect(Object.keys(shapes)).toHaveLength(names.length)
    for (const [name, shape] of names) {
      const ours = table!.ours(name)!
      expect(table!.theirs(ours)).toBe(name)
      expect(sameShape(shape, shapes[ours]!), `${name} ${shape} is ${ours} ${shapes[ours]}`).toBe(true)
    }
  })
})

describe('one network from every layout of its file', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'layouts-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const small = (shape: number[], value: number) => ({ shape, data: new Float32Array(4).fill(value) })

  it('an autoencoder, whose attention is a convolution to some and a linear layer to others', async () => {
    const shapes = { 'quant_conv.weight': [2, 2, 1, 1], 'encoder.mid.attn_1.q.weight': [2, 2, 1, 1] }
    const files: Record<string, [string, string, number[]]> = {
      'a.safetensors': [
        'first_stage_model.quant_conv.weight',
        'first_stage_model.encoder.mid.attn_1.q.weight',
        [2, 2, 1, 1],
      ],
      'vae/diffusion_pytorch_model.safetensors': [
        'quant_conv.weight',
        'encoder.mid_block.attentions.0.to_q.weight',
        [2, 2],
      ],
      'old/vae/diffusion_pytorch_model.bin': [
        'quant_conv.weight',
        'encoder.mid_block.attentions.0.query.weight',
        [2, 2],
      ],
    }
    for (const [file, [conv, q, shape]] of Object.entries(files)) {
      const path = join(folder, file)
      const tensors = [
        [conv, small([2, 2, 1, 1], 1)],
        [q, small(shape, 2)],
      ] as const
      await writeSafetensors(path, new Map(tensors))
      const places = file.includes('/') ? [path.split('/').slice(0, -1).join('/'), path.split('/vae/')[0]!] : [path]
      for (const place of places) {
        const weights = await loadWeights(place, shapes, { layout: autoencoderLayout, strict: true })
        expect(weights['encoder.mid.attn_1.q.weight']!.shape).toEqual([1, 1, 2, 2])
        expect((await weights['encoder.mid.attn_1.q.weight']!.data())[0]).toBe(2)
        tf.dispose(weights)
      }
    }
  })

  it('a misnamed tensor is reported by the name that the file should have', async () => {
    const path = join(folder, 'misnamed.safetensors')
    await writeSafetensors(
      path,
      new Map([
        ['text_model.final_layer_norm.weigth', small([4], 1)],
        ['text_model.final_layer_norm.bias', small([4], 1)],
        ['text_model.embeddings.position_ids', small([1, 4], 0)],
      ]),
    )
    const shapes = { 'final_layer_norm.bias': [4], 'final_layer_norm.weight': [4] }
    await expect(loadWeights(path, shapes, { layout: textLayout })).rejects.toThrow(
      /expected a tensor 'text_model\.final_layer_norm\.weight' \(nearest: 'text_model\.final_layer_norm\.weigth'\)/,
    )
    await expect(
      loadWeights(path, { 'final_layer_norm.bias': [4] }, { layout: textLayout, strict: true }),
    ).rejects.toThrow(/the model has no tensor 'text_model\.final_layer_norm\.weigth'/)
  })
})

describe('nameTable', () => {
  it('takes the longest prefix that ends at a dot, both ways', () => {
    const table = nameTable([
      ['a', 'net.x'],
      ['a.b', 'net.y'],
      ['c', 'net.c'],
    ])
    expect(['a.w', 'a.b.w', 'a.b', 'ab.w', 'c'].map(table.theirs)).toEqual([
      'net.x.w',
      'net.y.w',
      'net.y',
      undefined,
      'net.c',
    ])
    expect(['net.x.w', 'net.y.w', 'net', 'x.w'].map(table.ours)).toEqual(['a.w', 'a.b.w', undefined, undefined])
    expect(table.scope).toBe('net.')
  })
  it('of every name adds or removes a prefix', () => {
    const [table] = under('average.').tables
    expect([table!.theirs('w'), table!.ours('average.w'), table!.ours('w'), table!.scope]).toEqual([
      'average.w',
      'w',
      undefined,
      'average.',
    ])
    expect(nameTable([['', '']]).theirs('a.b')).toBe('a.b')
    expect(nameTable([['', '']]).scope).toBe('')
  })
  it('nests', () => {
    expect(
      within('block', '0', [
        ['norm', 'n'],
        ['', 'm'],
      ]),
    ).toEqual([
      ['block.norm', '0.n'],
      ['block', '0.m'],
    ])
  })
  it('is invertible', () => {
    expect(() =>
      nameTable([
        ['a', 'x'],
        ['b', 'x'],
      ]),
    ).toThrow(/cannot be inverted/)
    expect(() =>
      nameTable([
        ['a', 'x'],
        ['a', 'y'],
      ]),
    ).toThrow(/cannot be inverted/)
  })
})
