/**
 * Weights in TensorFlow.js's own format: a manifest (the `weightsManifest` of a model.json, or a list by itself) that
 * names tensors in the order in which they lie in its .bin files, possibly quantised.
 */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { UserError } from '../errors.ts'
import { fromFloat16 } from './float16.ts'

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

const bytesPer = { float32: 4, int32: 4, bool: 1, float16: 2, uint16: 2, uint8: 1 }

/**
 * Reads every tensor that a TensorFlow.js manifest names.
 * @param path a model.json or a weights_manifest.json; the .bin files lie beside it
 * @returns name -> shape and values, dequantised (q * scale + min) or converted to float32, convolutions [kh,kw,in,out]
 * @throws UserError naming the file when it is absent, no manifest, or of another length than the manifest says
 */
export async function readTfjsManifest(path: string): Promise<Map<string, { shape: number[]; data: Float32Array }>> {
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>()
  for (const { paths, weights } of await readManifest(path)) {
    const files = paths.map(name => join(dirname(path), name))
    const bytes = Buffer.concat(await Promise.all(files.map(file => readFile(file).catch(cannotRead(file)))))
    let end = 0
    for (const { name, shape, dtype, quantization } of weights) {
      const begin = end
      end += shape.reduce((a, b) => a * b, 1) * bytesPer[quantization?.dtype ?? dtype]
      if (end > bytes.length) {
        throw new UserError(
          `${files}: tensor '${name}' ends at byte ${end}, the file at ${bytes.length}; fetch it again`,
        )
      }
      // A copy of its own: typed arrays must begin on a multiple of their element size.
      const buffer = Uint8Array.from(bytes.subarray(begin, end)).buffer
      tensors.set(name, { shape, data: decode(buffer, dtype, quantization) })
    }
    if (end !== bytes.length) {
      throw new UserError(`${files}: expected ${end} bytes, found ${bytes.length}; fetch it again`)
    }
  }
  return tensors
}

type Description = z.infer<typeof group>['weights'][number]

async function readManifest(path: string) {
  const text = await readFile(path, 'utf8').catch(cannotRead(path))
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    throw new UserError(`${path}: expected a TensorFlow.js model or weights manifest; fetch it again`)
  }
}

function decode(buffer: ArrayBuffer, dtype: Description['dtype'], quantization: Description['quantization']) {
  switch (quantization?.dtype) {
    case 'float16':
      return fromFloat16(new Uint16Array(buffer))
    case 'uint8':
    case 'uint16': {
      const { scale, min } = quantization
      const levels = quantization.dtype === 'uint8' ? new Uint8Array(buffer) : new Uint16Array(buffer)
      return Float32Array.from(levels, q => q * scale + min)
    }
  }
  if (dtype === 'float32') return new Float32Array(buffer)
  return Float32Array.from(dtype === 'int32' ? new Int32Array(buffer) : new Uint8Array(buffer))
}

const cannotRead = (path: string) => (error: Error) => {
  throw new UserError(`cannot read ${path}: ${error.message}`)
}
