import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { UserError } from '../../src/util/errors.ts'
import { sha256 } from '../../src/weights/checksum.ts'
import { encodeModel, type OnnxTensor, onnxType, readOnnxNodes } from '../../src/weights/onnx.ts'
import { openTensorFile, readTensors, withTensorFile } from '../../src/weights/open.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'formats-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('a TensorFlow.js manifest', () => {
  const weights = [
    { name: 'bytes', shape: [3], dtype: 'float32', quantization: { dtype: 'uint8', scale: 0.5, min: -1 } },
    { name: 'words', shape: [1], dtype: 'float32', quantization: { dtype: 'uint16', scale: 2, min: 1 } },
    { name: 'halves', shape: [2], dtype: 'float32', quantization: { dtype: 'float16' } },
    { name: 'plain', shape: [1, 1], dtype: 'float32' },
    { name: 'integers', shape: [], dtype: 'int32' },
  ]
  const parts = [
    Uint8Array.of(0, 2, 255),
    Uint16Array.of(300),
    Uint16Array.of(0x3c00, 0xc000),
    Float32Array.of(2.5),
    Int32Array.of(-7),
  ]
  const bytes = Buffer.concat(parts.map(part => new Uint8Array(part.buffer)))
  const manifest = [{ paths: ['a.bin', 'b.bin'], weights }]
  const write = async (json: unknown, end = bytes.length) => {
    await writeFile(join(folder, 'model.json'), typeof json === 'string' ? json : JSON.stringify(json))
    await writeFile(join(folder, 'a.bin'), bytes.subarray(0, 4)) // a shard ends within a tensor
    await writeFile(join(folder, 'b.bin'), bytes.subarray(4, end))
    return join(folder, 'model.json')
  }

  it.each([
    ['a list', manifest],
    ['a model', { modelTopology: {}, weightsManifest: manifest }],
  ])('dequantises %s', async (_, json) => {
    const tensors = await readTensors(await write(json))
    expect([...tensors].map(([name, { shape, data }]) => [name, shape, [...data]])).toEqual([
      ['bytes', [3], [-1, 0, 126.5]],
      ['words', [1], [601]],
      ['halves', [2], [1, -2]],
      ['plain', [1, 1], [2.5]],
      ['integers', [], [-7]],
    ])
  })

  it('refuses what is truncated, too long, absent or no manifest', async () => {
    const refused = async (path: string, message: RegExp) => {
      const error: unknown = await readTensors(path).catch(e => e)
      expect(error).toBeInstanceOf(UserError)
      expect((error as Error).message).toMatch(message)
    }
    await refused(
      await write(manifest, bytes.length - 1),
      /tensor 'integers' ends at byte 17 of a\.bin, b\.bin, which has 16/,
    )
    await refused(
      await write([{ paths: ['a.bin', 'b.bin'], weights: weights.slice(0, 4) }]),
      /expected 13 bytes in a\.bin, b\.bin, found 17/,
    )
    await refused(await write([{ paths: ['absent.bin'], weights }]), /cannot read .*absent\.bin/)
    await refused(await write([{ paths: ['../a.bin'], weights }]), /'\.\.\/a\.bin', which leads out of its folder/)
    await refused(
      await write([{ paths: ['a.bin', 'b.bin'], weights: [...weights.slice(0, 4), weights[0]] }], bytes.length - 1),
      /two tensors are called 'bytes'/,
    )
    await refused(await write('{'), /expected a TensorFlow\.js model/)
    await refused(await write({ weights: 1 }), /expected a TensorFlow\.js model/)
    await refused(join(folder, 'absent.json'), /cannot read/)
  })
})

describe('an ONNX model', () => {
  const node = [{ opType: 'Conv', input: ['x', 'floats', 'raw'], output: ['y'] }]
  const bytes = (values: { buffer: ArrayBufferLike }) => new Uint8Array(values.buffer)
  const write = async (initializer: OnnxTensor[]) => {
    const path = join(folder, 'model.onnx')
    await writeFile(path, encodeModel({ irVersion: 8, graph: { node, initializer } }))
    return path
  }

  it('gives its initializers, whatever their numbers, and its nodes', async () => {
    const path = await write([
      { name: 'floats', dims: [2, 1], dataType: onnxType.float, floatData: [1, 2] },
      { name: 'raw', dims: [3], dataType: onnxType.float, rawData: bytes(Float32Array.of(3, 4, 5)) },
      { name: 'doubles', dims: [1], dataType: onnxType.double, doubleData: [0.5] },
      { name: 'halves', dims: [2], dataType: onnxType.float16, int32Data: [0x3c00, 0xc000] },
      { name: 'raw halves', dims: [1], dataType: onnxType.bfloat16, rawData: bytes(Uint16Array.of(0x3f80)) },
      { name: 'shape', dims: [2], dataType: onnxType.int64, int64Data: [-1, 512] },
      { name: 'scalar', dims: [], dataType: onnxType.int32, int32Data: [7] },
      { name: 'empty', dims: [0, 3], dataType: onnxType.float },
    ])
    expect([...(await readTensors(path))].map(([name, { shape, data }]) => [name, shape, [...data]])).toEqual([
      ['floats', [2, 1], [1, 2]],
      ['raw', [3], [3, 4, 5]],
      ['doubles', [1], [0.5]],
      ['halves', [2], [1, -2]],
      ['raw halves', [1], [1]],
      ['shape', [2], [-1, 512]],
      ['scalar', [], [7]],
      ['empty', [0, 3], []],
    ])
    expect(await readOnnxNodes(path)).toEqual([{ type: 'Conv', inputs: ['x', 'floats', 'raw'], outputs: ['y'] }])
  })

  it('refuses what is not as it should be', async () => {
    const refused = async (initializer: OnnxTensor[], message: RegExp) => {
      const error: unknown = await readTensors(await write(initializer)).catch(e => e)
      expect(error).toBeInstanceOf(UserError)
      expect((error as Error).message).toMatch(message)
    }
    const floats = { name: 'w', dims: [2], dataType: onnxType.float, floatData: [1, 2] }
    await refused([{ ...floats, dims: [3] }], /tensor 'w' has 2 values, its shape \[3\] wants 3/)
    await refused([{ ...floats, dims: [-1, -2] }], /tensor 'w' has 2 values, its shape \[-1, -2\]/)
    await refused([{ ...floats, dataType: onnxType.string }], /tensor 'w' holds no numbers/)
    await refused([{ ...floats, dataLocation: 1 }], /tensor 'w' lies in another file/)
    await refused([floats, floats], /two tensors are called 'w'/)
  })
})

describe('a folder', () => {
  const tensors = (name: string) => new Map([[name, { shape: [1], data: Float32Array.of(name.length) }]])

  it('of a model has its tensors, one of a pipeline those of every network under its name', async () => {
    const model = join(folder, 'model')
    await writeSafetensors(join(model, 'model.safetensors'), tensors('weight'), { format: 'pt' })
    await writeFile(join(model, 'config.json'), '{}')
    await withTensorFile(model, async file => {
      expect(file).toMatchObject({ format: 'folder of safetensors', metadata: { format: 'pt' } })
      expect([...file.tensors.keys()]).toEqual(['weight'])
    })
    const pipeline = join(folder, 'pipeline')
    await writeSafetensors(join(pipeline, 'unet/diffusion_pytorch_model.safetensors'), tensors('conv'))
    await writeSafetensors(join(pipeline, 'unet/diffusion_pytorch_model.bin'), tensors('not this one'))
    await writeSafetensors(join(pipeline, 'vae/diffusion_pytorch_model.bin'), tensors('decoder.conv')) // by content
    await writeSafetensors(join(pipeline, 'scheduler/other.safetensors'), tensors('nor this one'))
    const read = await readTensors(pipeline)
    expect([...read].map(([name, { data }]) => [name, ...data])).toEqual([
      ['unet.conv', 4],
      ['vae.decoder.conv', 12],
    ])
  })

  it('of an autoencoder in two files has the names of both, under those of the halves', async () => {
    const tiny = join(folder, 'tiny')
    await writeSafetensors(join(tiny, 'tae_encoder.pth'), tensors('0.weight'))
    await writeSafetensors(join(tiny, 'tae_decoder.pth'), tensors('0.weight'))
    expect([...(await readTensors(tiny)).keys()]).toEqual(['decoder.0.weight', 'encoder.0.weight'])
  })

  it('has a checksum, of its weights alone', async () => {
    const before = await sha256(join(folder, 'pipeline'))
    await writeFile(join(folder, 'pipeline/README.md'), 'words')
    expect(await sha256(join(folder, 'pipeline'))).toBe(before)
    await writeSafetensors(join(folder, 'pipeline/unet/diffusion_pytorch_model.safetensors'), tensors('conv2'))
    expect(await sha256(join(folder, 'pipeline'))).not.toBe(before)
  })

  it('without tensors is refused', async () => {
    await expect(openTensorFile(join(folder, 'pipeline/scheduler'))).rejects.toThrow(
      /expected a folder with .*model\.safetensors/,
    )
  })
})

describe('what is no file of tensors is called by its name', () => {
  it.each([
    ['', /it is empty/],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:0', /pointer of Git LFS/],
    ['<!DOCTYPE html><html>', /a web page/],
    ['\x89HDF\r\n\x1a\n', /an HDF5 file/],
    ['\x1f\x8b\x08', /it is compressed/],
    [`${'a'.repeat(257)}ustar`, /a tar archive/],
    ['this is no model', /expected safetensors, a PyTorch checkpoint, ONNX or a TensorFlow\.js manifest/],
  ])('%j', async (text, message) => {
    const path = join(folder, 'stranger')
    await writeFile(path, text, 'latin1')
    const error: unknown = await openTensorFile(path).catch(e => e)
    expect(error).toBeInstanceOf(UserError)
    expect((error as Error).message).toMatch(message)
  })
})
