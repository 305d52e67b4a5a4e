import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import onnxProto from 'onnx-proto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { UserError } from '../../src/errors.ts'
import { readOnnx } from '../../src/weights/onnx.ts'
import { readTfjsManifest } from '../../src/weights/tfjs-manifest.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'formats-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('readTfjsManifest', () => {
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
    const tensors = await readTfjsManifest(await write(json))
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
      const error: unknown = await readTfjsManifest(path).catch(e => e)
      expect(error).toBeInstanceOf(UserError)
      expect((error as Error).message).toMatch(message)
    }
    await refused(await write(manifest, bytes.length - 1), /tensor 'integers' ends at byte 17, the file at 16/)
    await refused(
      await write([{ paths: ['a.bin', 'b.bin'], weights: weights.slice(0, 4) }]),
      /expected 13 bytes, found 17/,
    )
    await refused(await write([{ paths: ['absent.bin'], weights }]), /cannot read .*absent\.bin/)
    await refused(await write('{'), /expected a TensorFlow\.js model/)
    await refused(await write({ weights: 1 }), /expected a TensorFlow\.js model/)
    await refused(join(folder, 'absent.json'), /cannot read/)
  })
})

describe('readOnnx', () => {
  const { ModelProto, TensorProto } = onnxProto.onnx
  const write = async (dims: number[]) => {
    const path = join(folder, 'model.onnx')
    const floats = { name: 'floats', dims, dataType: TensorProto.DataType.FLOAT, floatData: [1, 2] }
    const rawData = new Uint8Array(Float32Array.of(3, 4, 5).buffer)
    const raw = { name: 'raw', dims: [3], dataType: TensorProto.DataType.FLOAT, rawData }
    const node = [{ opType: 'Conv', input: ['x', 'floats', 'raw'], output: ['y'] }]
    await writeFile(path, ModelProto.encode({ graph: { node, initializer: [floats, raw] } }).finish())
    return path
  }

  it('reads initializers and nodes', async () => {
    const { tensors, nodes } = await readOnnx(await write([2, 1]))
    expect(tensors.get('floats')).toEqual({ shape: [2, 1], data: Float32Array.of(1, 2) })
    expect(tensors.get('raw')).toEqual({ shape: [3], data: Float32Array.of(3, 4, 5) })
    expect(nodes).toEqual([{ type: 'Conv', inputs: ['x', 'floats', 'raw'], outputs: ['y'] }])
  })

  it('refuses a wrong shape and a file of another format', async () => {
    await expect(readOnnx(await write([3]))).rejects.toThrow(/tensor 'floats' has 2 values, its shape \[3\] wants 3/)
    const path = join(folder, 'text.onnx')
    await writeFile(path, 'this is no model')
    await expect(readOnnx(path)).rejects.toThrow(UserError)
  })
})
