/** Writes safetensors files. */
import { dirname } from 'node:path'
import { makeFolder, writeFileAtomic } from '../util/atomic-write.ts'
import { bytesPer, count, toFloat16 } from './dtype.ts'
import { checkpointShape, toCheckpoint, type Weights } from './layout.ts'

/** Values of a tensor to be written, or what makes them when their turn comes, so that not all are in memory. */
export type Values = Float32Array | (() => Float32Array | Promise<Float32Array>)

/**
 * Writes a safetensors file whole or not at all, and its folder where there is none yet; one tensor is in memory at a
 * time besides those that the caller holds.
 * @param tensors name -> shape and float32 values, row-major
 * @param metadata strings kept in the header, such as the configuration that rebuilds the model
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Values }>,
  metadata: Readonly<Record<string, string>> = {},
  { dtype = 'F32' }: { dtype?: 'F32' | 'F16' } = {},
): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: metadata }
  let end = 0
  for (const [name, { shape }] of tensors) {
    const begin = end
    end += count(shape) * bytesPer[dtype]
    header[name] = { dtype, shape, data_offsets: [begin, end] }
  }
  const json = Buffer.from(JSON.stringify(header))
  // Spaces fill the header up, so that the tensors begin on a multiple of eight bytes.
  const head = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ')
  head.writeBigUInt64LE(BigInt(head.length - 8))
  json.copy(head, 8)

  async function* parts(): AsyncIterable<Uint8Array> {
    yield head
    for (const [name, { shape, data }] of tensors) {
      const values = typeof data === 'function' ? await data() : data
      if (count(shape) !== values.length) {
        throw new Error(`tensor '${name}' has ${values.length} values, its shape [${shape}] wants ${count(shape)}`)
      }
      const numbers = dtype === 'F16' ? toFloat16(values) : values
      yield new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
    }
  }
  await makeFolder(dirname(path))
  await writeFileAtomic(path, parts())
}

// Weights into files.

/** Saves weights in the checkpoint's layout, one tensor after another; the file appears whole or not at all. */
export async function saveWeights(
  path: string,
  weights: Weights,
  metadata: Readonly<Record<string, string>> = {},
  dtype: 'F32' | 'F16' = 'F32',
): Promise<void> {
  const tensors = new Map<string, { shape: readonly number[]; data: Values }>()
  for (const [name, tensor] of Object.entries(weights)) {
    const data = async () => toCheckpoint(tensor.shape, Float32Array.from(await tensor.data())).data
    tensors.set(name, { shape: checkpointShape(tensor.shape), data })
  }
  await writeSafetensors(path, tensors, metadata, { dtype })
}
