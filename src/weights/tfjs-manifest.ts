/**
 * Weights in TensorFlow.js's own format: a manifest (the `weightsManifest` of a model.json, or a list by itself) that
 * names tensors in the order in which they lie in its .bin files, possibly quantised. Convolutions are [kh, kw, in, out]
 * there.
 */
import { z } from 'zod'
import { type Bytes, openBytes } from '#bytes'
import { fileBeside } from '#folder'
import { UserError } from '../util/errors.ts'
import { bytesPer, count, type Dtype, toFloat32 } from './dtype.ts'
import { quoted, type TensorFile } from './tensor-file.ts'

const group = z.object({
  paths: z.array(z.string()),
  weights: z.array(
    z.object({
      name: z.string(),
      shape: z.array(z.int().nonnegative()),
      dtype: z.enum(['float32', 'int32', 'bool']),
      quantization: z
        .discriminatedUnion('dtype', [
          z.object({ dtype: z.enum(['uint8', 'uint16']), scale: z.number(), min: z.number() }),
          z.object({ dtype: z.literal('float16') }),
        ])
        .optional(),
    }),
  ),
})
const schema = z.union([
  z.array(group),
  z.object({ weightsManifest: z.array(group) }).transform(m => m.weightsManifest),
])

type Description = z.infer<typeof group>['weights'][number]

/** Far above any manifest's; the graph of a model.json is in it. */
const maximumManifest = 256 << 20

const dtypes = { float32: 'F32', int32: 'I32', bool: 'BOOL', float16: 'F16', uint16: 'U16', uint8: 'U8' } as const

interface Entry {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** Files of the group, one after another, and where in them the tensor begins. */
  readonly shards: readonly Bytes[]
  readonly begin: number
  readonly quantization: Description['quantization']
}

/** Whether a file that begins so is JSON. */
export function isJson(head: Uint8Array): boolean {
  return /^\uFEFF?\s*[{[]/.test(new TextDecoder('utf-8', { ignoreBOM: true }).decode(head))
}

/**
 * The tensors of a manifest, dequantised (q * scale + min) when they are read.
 * @param bytes a model.json or a weights_manifest.json; the .bin files lie beside it
 * @throws UserError naming the file when it is no manifest, or a .bin file is absent or of another length than it says
 */
export async function openTfjsManifest(bytes: Bytes): Promise<TensorFile> {
  const groups = await readManifest(bytes)
  const shards: Bytes[] = []
  const close = async () => {
    for (const shard of [...shards, bytes]) await shard.close()
  }
  try {
    const tensors = new Map<string, Entry>()
    for (const { paths, weights } of groups) {
      const own: Bytes[] = []
      for (const path of paths) {
        own.push(await openBytes(await fileBeside(bytes.path, path)))
        shards.push(own.at(-1)!)
      }
      addEntries(tensors, own, weights, bytes.path)
    }
    return {
      path: bytes.path,
      format: 'TensorFlow.js manifest',
      tensors,
      metadata: {},
      read: async name => {
        const { dtype, shape, shards: own, begin, quantization } = tensors.get(name)!
        const numbers = toFloat32(dtype, await readAcross(own, begin, count(shape) * bytesPer[dtype]))
        if (quantization === undefined || quantization.dtype === 'float16') return numbers
        const { scale, min } = quantization
        return numbers.map(q => q * scale + min)
      },
      close,
    }
  } catch (error) {
    for (const shard of shards) await shard.close()
    throw error
  }
}

async function readManifest(bytes: Bytes): Promise<z.infer<typeof schema>> {
  const wrong = () => new UserError(`${bytes.path}: expected a TensorFlow.js model or weights manifest; fetch it again`)
  if (bytes.size > maximumManifest) throw wrong()
  try {
    return schema.parse(
      JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(await bytes.read(0, bytes.size))),
    )
  } catch {
    throw wrong()
  }
}

function addEntries(tensors: Map<string, Entry>, shards: Bytes[], weights: readonly Description[], path: string): void {
  const files = shards.map(shard => shard.path.replace(/^.*[\\/]/s, '')).join(', ')
  const size = shards.reduce((sum, shard) => sum + shard.size, 0)
  let end = 0
  for (const { name, shape, dtype: kind, quantization } of weights) {
    const begin = end
    const dtype = dtypes[quantization?.dtype ?? kind]
    end += count(shape) * bytesPer[dtype]
    if (end > size) {
      throw new UserError(
        `${path}: tensor ${quoted(name)} ends at byte ${end} of ${files}, which has ${size}; fetch it again`,
      )
    }
    if (tensors.has(name)) throw new UserError(`${path}: two tensors are called ${quoted(name)}; fetch it again`)
    tensors.set(name, { dtype, shape, shards, begin, quantization })
  }
  if (end !== size) throw new UserError(`${path}: expected ${end} bytes in ${files}, found ${size}; fetch it again`)
}

/** A range of files that follow one another. */
async function readAcross(shards: readonly Bytes[], begin: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  let start = 0
  for (const shard of shards) {
    const from = Math.max(begin - start, 0)
    const to = Math.min(begin + length - start, shard.size)
    if (from < to) parts.push(await shard.read(from, to - from))
    start += shard.size
  }
  return parts.length === 1 ? parts[0]! : joined(parts)
}

/** Parts in memory of their own, so that any typed array may lie over them. */
function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let end = 0
  for (const part of parts) {
    whole.set(part, end)
    end += part.length
  }
  return whole
}
