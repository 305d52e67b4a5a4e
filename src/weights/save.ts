/** Weights into files. */
import { checkpointShape, toCheckpoint, type Weights } from './layout.ts'
import { type Values, writeSafetensors } from './write-safetensors.ts'

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
