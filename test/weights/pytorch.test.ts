import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { UserError } from '../../src/util/errors.ts'
import { openTensorFile, readTensors, withTensorFile } from '../../src/weights/open.ts'
import * as made from './checkpoints.ts'

const golden = fileURLToPath(new URL('../golden/checkpoints/', import.meta.url))

interface Described {
  shape: number[]
  dtype: string
  values: number[]
}
const dtypes: Record<string, string> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
}

let folder: string
let held: Record<string, Record<string, Described>>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pytorch-'))
  held = JSON.parse(await readFile(join(golden, 'checkpoints.json'), 'utf8'))
})
afterAll(() => rm(folder, { recursive: true }))

async function refusal(name: string, bytes?: Uint8Array): Promise<string> {
  const path = bytes ? join(folder, name) : join(golden, name)
  if (bytes) await writeFile(path, bytes)
  const error: unknown = await readTensors(path).catch(e => e)
  expect(error).toBeInstanceOf(UserError)
  return (error as Error).message
}

describe('checkpoints that PyTorch wrote', () => {
  it.each([
    ['tensors-zip.pth', 'tensors', 'PyTorch checkpoint'],
    ['tensors-legacy.pth', 'tensors', 'PyTorch checkpoint (legacy)'],
    ['tensors-protocol-4.pth', 'tensors', 'PyTorch checkpoint'],
    ['module-zip.pth', 'module', 'PyTorch checkpoint'],
    ['module-legacy.pth', 'module', 'PyTorch checkpoint (legacy)'],
    ['lightning-zip.ckpt', 'lightning', 'PyTorch checkpoint'],
    ['lightning-legacy.ckpt', 'lightning', 'PyTorch checkpoint (legacy)'],
  ])('%s', async (name, group, format) => {
    await withTensorFile(join(golden, name), async file => {
      expect(file.format).toBe(format)
      expect([...file.tensors.keys()]).toEqual(Object.keys(held[group]!))
      for (const [tensor, { shape, dtype, values }] of Object.entries(held[group]!)) {
        expect(file.tensors.get(tensor), tensor).toMatchObject({ shape, dtype: dtypes[dtype] })
        expect([...(await file.read(tensor))], tensor).toEqual(values)
      }
    })
  })

  it('a Lightning checkpoint says of itself what it says', async () => {
    const { metadata, close } = await openTensorFile(join(golden, 'lightning-zip.ckpt'))
    expect(metadata).toEqual({ epoch: '3', global_step: '470000', 'pytorch-lightning_version': '1.4.2' })
    await close()
  })

  it('a whole module and a TorchScript program are refused', async () => {
    expect(await refusal('whole-module.pth')).toMatch(/asks for 'torch\.nn\.modules\.container\.Sequential', .*refused/)
    expect(await refusal('torchscript.pt')).toMatch(/TorchScript archive, which is a program: save the state_dict/)
  })
})

describe('a checkpoint of more than 4 GB', () => {
  it('is read by range, beyond 32 bits', async () => {
    const [large, values] = [5 * 2 ** 30, Float32Array.of(1, -2, 3)]
    const pickled = made.pickle(
      made.dictionary([
        [made.text('large'), made.tensor([large / 4])],
        [made.text('last'), made.tensor([3], { key: '1' })],
      ]),
    )
    const parts = made.zipParts([
      { name: 'm/data.pkl', data: pickled },
      { name: 'm/data/0', data: new Uint8Array(0), size: large },
      { name: 'm/data/1', data: new Uint8Array(values.buffer) },
    ])
    const path = join(folder, 'large.ckpt')
    const file = await open(path, 'w') // the disk holds no more of it than the parts
    for (const { at, bytes } of parts) await file.write(bytes, 0, bytes.length, at)
    await file.close()
    expect((await readTensors(path, ['last'])).get('last')).toEqual({ shape: [3], data: values })
    await withTensorFile(path, async checkpoint => {
      expect(checkpoint.tensors.get('large')).toMatchObject({ shape: [large / 4] })
      await expect(checkpoint.read('large')).rejects.toThrow(UserError) // more than Node's Buffers hold
    })
  })
})

it('one changed byte of a storage is found by its checksum', async () => {
  const values = new Uint8Array(Float32Array.of(1, 2, 3).buffer)
  const bytes = made.checkpoint(made.pickle(made.dictionary([[made.text('w'), made.tensor([3])]])), { 0: values })
  const path = join(folder, 'flipped.ckpt')
  const at = bytes.indexOf(values)
  for (const changed of [at, at + 11]) {
    const copy = Buffer.from(bytes)
    copy[changed]! ^= 1
    await writeFile(path, copy)
    await expect(readTensors(path)).rejects.toThrow(/its entry 'm\/data\/0' has the checksum [0-9a-f]{8}, expected/)
  }
})

describe('where the tensors are', () => {
  const storages = { 0: new Uint8Array(Float32Array.of(5).buffer) }
  const state = (name: string) => made.dictionary([[made.text(name), made.tensor([1])]])
  const names = async (...entries: [string, Buffer][]) => {
    const path = join(folder, 'nested.pth')
    const root = made.dictionary(entries.map(([name, value]) => [made.text(name), value]))
    await writeFile(path, made.checkpoint(made.pickle(root), storages))
    return [...(await readTensors(path)).keys()]
  }

  it('is the dictionary, its state_dict, or the only dictionary that has some', async () => {
    expect(await names(['w', made.tensor([1])], ['ema', state('e')])).toEqual(['w'])
    expect(await names(['ema', state('e')], ['state_dict', state('w')])).toEqual(['w'])
    expect(await names(['step', made.integer(1)], ['params', state('w')])).toEqual(['w'])
  })

  it('is not guessed', async () => {
    await expect(names(['a', state('w')], ['b', state('w')])).rejects.toThrow(
      /2 dictionaries of tensors, 'a', 'b', none of them 'state_dict'/,
    )
    await expect(names(['step', made.integer(1)])).rejects.toThrow(/holds no tensors/)
    const list = made.checkpoint(made.pickle(']'), storages)
    expect(await refusal('list.pth', list)).toMatch(/no dictionary of tensors: save the state_dict/)
  })
})
