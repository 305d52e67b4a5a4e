/** Weights and graph of an ONNX model: its initializers and its nodes, in the order in which they run. */
import { readFile } from 'node:fs/promises'
import onnxProto from 'onnx-proto'
import { UserError } from '../errors.ts'

export interface OnnxNode {
  /** 'Conv', 'PRelu', ... */
  type: string
  inputs: string[]
  outputs: string[]
}

/**
 * Reads the float32 initializers and the nodes of an ONNX file.
 * @throws UserError naming the file (and the tensor) when it is absent, no ONNX model, or holds another dtype
 */
export async function readOnnx(
  path: string,
): Promise<{ tensors: Map<string, { shape: number[]; data: Float32Array }>; nodes: OnnxNode[] }> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new UserError(`cannot read ${path}: ${error.message}`)
  })
  const { ModelProto, TensorProto } = onnxProto.onnx
  let graph: onnxProto.onnx.IGraphProto | null | undefined
  try {
    graph = ModelProto.decode(bytes).graph
  } catch {
    // Refused below, as a file of another format is that happens to decode.
  }
  if (!graph?.node?.length) throw new UserError(`${path}: expected an ONNX model; fetch it again`)

  const tensors = new Map<string, { shape: number[]; data: Float32Array }>()
  for (const { name, dims, dataType, rawData, floatData } of graph.initializer ?? []) {
    if (dataType !== TensorProto.DataType.FLOAT) continue // shapes and indices
    const shape = (dims ?? []).map(Number)
    const data = rawData?.length
      ? new Float32Array(Uint8Array.from(rawData).buffer)
      : Float32Array.from(floatData ?? [])
    const expected = shape.reduce((a, b) => a * b, 1)
    if (data.length !== expected) {
      throw new UserError(`${path}: tensor '${name}' has ${data.length} values, its shape [${shape}] wants ${expected}`)
    }
    tensors.set(name ?? '', { shape, data })
  }
  const nodes = graph.node.map(({ opType, input, output }) => ({
    type: opType ?? '',
    inputs: input ?? [],
    outputs: output ?? [],
  }))
  return { tensors, nodes }
}
