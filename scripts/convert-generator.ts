/**
 * Makes assets/generator.safetensors from the OpenVINO files of the PyPI wheel random_face 2021.7.21.1 (Apache-2.0):
 *   pip download random_face==2021.7.21.1 --no-deps && python3 -m zipfile -e random_face-*.whl random_face
 *   npx tsx scripts/convert-generator.ts random_face/random_face/data
 * The image heads of 128 and 256 pixels, which the wheel does not have, are fitted by `scripts/fit-image-heads.ts` and kept.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { XMLParser } from 'fast-xml-parser'
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { useBackend } from '../src/backend/index.ts'
import { generatorParts } from '../src/models/generator/generator.ts'
import { repositoryPath } from '../src/util/paths.ts'
import { normal } from '../src/util/random.ts'
import { verify } from '../src/weights/checksum.ts'
import { toRuntime, type Weights } from '../src/weights/layout.ts'
import { readTensors } from '../src/weights/open.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'

interface Layer {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly data?: Readonly<Record<string, string>>
}

interface Values {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** An OpenVINO IR network: its layers, which feed which, and its constants. */
class Ir {
  readonly layers: Layer[]
  readonly #inputs = new Map<string, string[]>()
  readonly #outputs = new Map<string, string[]>()

  private constructor(
    { net }: { net: { layers: { layer: Layer[] }; edges: { edge: Record<string, string>[] } } },
    private readonly bytes: Buffer,
  ) {
    this.layers = net.layers.layer
    for (const edge of net.edges.edge.toSorted((p, q) => Number(p['to-port']) - Number(q['to-port']))) {
      const [from, to] = [edge['from-layer']!, edge['to-layer']!]
      this.#inputs.set(to, [...(this.#inputs.get(to) ?? []), from])
      this.#outputs.set(from, [...(this.#outputs.get(from) ?? []), to])
    }
  }

  static async open(folder: string, name: string, sha256: string): Promise<Ir> {
    await verify(join(folder, `${name}.bin`), sha256)
    const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '' })
    const xml = parser.parse(await readFile(join(folder, `${name}.xml`), 'utf8'))
    return new Ir(xml, await readFile(join(folder, `${name}.bin`)))
  }

  named = (name: string): Layer => this.layers.find(layer => layer.name === name)!
  byId = (id: string): Layer => this.layers.find(layer => layer.id === id)!
  input = (layer: Layer, port: number): Layer => this.byId(this.#inputs.get(layer.id)![port]!)
  inputs = (layer: Layer): Layer[] => this.#inputs.get(layer.id)!.map(this.byId)
  next = (layer: Layer, type: string): Layer =>
    this.#outputs.get(layer.id)!.map(this.byId).find(other => other.type === type)! // biome-ignore format: one line

  constant({ data }: Layer): Values {
    const { offset, size, shape } = data as Record<'offset' | 'size' | 'shape', string>
    const bytes = Uint8Array.from(this.bytes.subarray(Number(offset), Number(offset) + Number(size)))
    return {
      shape: shape.split(',').map(Number).filter(side => side > 0), // biome-ignore format: one line
      data: new Float32Array(bytes.buffer),
    }
  }
}

type Tensors = Map<string, Values>

/** The four wavelet bands of [4c, ...] channels, which the source interleaves for all but LL, one after the other. */
function inBands({ shape, data }: Values): Values {
  const [channels = 4, ...rest] = shape
  const [c, row] = [channels / 4, rest.reduce((a, b) => a * b, 1)]
  const sorted = new Float32Array(data.length)
  for (let i = 0; i < channels; i++) {
    const band = Math.floor(i / c)
    const from = band === 0 ? i : c + 3 * (i % c) + band - 1
    sorted.set(data.subarray(from * row, (from + 1) * row), i * row)
  }
  return { shape, data: sorted }
}

async function synthesisTensors(folder: string): Promise<Tensors> {
  const ir = await Ir.open(
    folder,
    'SynthesisNetwork',
    'c7da15fa22d508c82e1c30dd6b4cdf67fe3ccdddaf85b310ee764dbf0c289645',
  )
  const tensors: Tensors = new Map()
  const set = (name: string, values: Values, ...shape: number[]) =>
    tensors.set(name, { shape: shape.length > 0 ? shape : values.shape, data: values.data })
  const flat = (values: Values): Values => ({ shape: [values.data.length], data: values.data })

  /** A style's affine map, with the learning rate's factor that follows it multiplied in. */
  const style = (name: string, source: string, sort: (values: Values) => Values = values => values) => {
    const [weight, bias] = ['weight', 'bias'].map(part => ir.named(`${source}.modulation.${part}`)) as [Layer, Layer]
    const multiply = ir.next(ir.next(ir.next(bias, 'Add'), 'Reshape'), 'Multiply')
    const factor = ir.inputs(multiply).find(({ type }) => type === 'Const')
    const scale = factor ? ir.constant(factor).data[0]! : 1
    const scaled = (values: Values): Values => ({ shape: values.shape, data: values.data.map(v => v * scale) })
    set(`${name}.weight`, sort(scaled(ir.constant(weight))))
    set(`${name}.bias`, sort(flat(scaled(ir.constant(bias)))))
  }

  // What an inverse Haar transform reads comes in bands: the first layer, and the second convolutions of blocks 0 to 5.
  style('conv0.style', 'm.conv1.conv')
  set('const', ir.constant(ir.named('m.input.input')), 1, 512, 4, 4)
  set('conv0.weight', inBands(ir.constant(ir.named('Mul_39_copy'))), 512, 512, 3, 3)
  set('conv0.bias', inBands(flat(ir.constant(ir.named('m.conv1.bias')))))
  set('conv0.noise', ir.constant(ir.byId('326')), 1, 1, 4, 4)
  for (let i = 0; i < 7; i++) {
    style(`blocks.${i}.up`, `m.layers.${i}.up`, inBands)
    for (const k of [1, 2]) {
      const [name, source] = [`blocks.${i}.conv${k}`, `m.layers.${i}.conv${k}`]
      // The second convolution reads the first one's channels as they are, so only what precedes a transform is sorted.
      const sort = k === 2 && i < 6 ? inBands : (values: Values) => values
      style(`${name}.style`, `${source}.conv`)
      const depthwise = ir.named(`${source}.conv.weight_dw`)
      const convolution = ir.next(ir.next(depthwise, 'GroupConvolution'), 'Convolution')
      const values = ir.constant(depthwise)
      set(`${name}.depthwise`, values, values.shape[0]!, 1, 3, 3)
      set(`${name}.pointwise`, sort(ir.constant(ir.input(convolution, 1))))
      const noise = ir.constant(ir.input(ir.next(convolution, 'Add'), 1))
      set(`${name}.noise`, noise, 1, 1, 8 << i, 8 << i)
      set(`${name}.bias`, sort(flat(ir.constant(ir.named(`${source}.bias`)))))
    }
  }
  style('to_img.6.style', 'm.layers.6.to_img.conv')
  set('to_img.6.weight', inBands(ir.constant(ir.named('m.layers.6.to_img.conv.weight'))), 12, 64, 1, 1)
  set('to_img.6.bias', inBands(flat(ir.constant(ir.named('m.layers.6.to_img.bias')))))
  return tensors
}

async function mappingTensors(folder: string): Promise<Tensors> {
  const ir = await Ir.open(folder, 'MappingNetwork', '212dd716bdb556e18db603ea97300d4fa3c872b878c726b2402fea80820e7305')
  const tensors: Tensors = new Map()
  const products = ir.layers.filter(({ type }) => type === 'MatMul')
  const biases = ir.layers.filter(({ type, data }) => type === 'Const' && data!.shape === '512')
  for (const [i, product] of products.entries()) {
    const { shape, data } = ir.constant(ir.input(product, 1))
    const isTransposed = product.data!.transpose_b === 'true'
    const weight = isTransposed ? data : Float32Array.from(data, (_, k) => data[(k % 512) * 512 + Math.floor(k / 512)]!)
    tensors.set(`layers.${i}.weight`, { shape, data: weight })
    tensors.set(`layers.${i}.bias`, ir.constant(biases[i]!))
  }
  return tensors
}

/** The P_N space of the mapping network's styles, from `count` of them; deviations are at least sqrt(floor). */
async function latentSpaceTensors(mappingWeights: Weights, count = 30_000, floor = 1e-3): Promise<Tensors> {
  const { mapping } = generatorParts()
  const rows = tf.tidy(() => {
    const parts = Array.from({ length: count / 1000 }, (_, i) =>
      mapping(mappingWeights, normal([1000, 512], 1, 'styles', i) as tf.Tensor2D),
    )
    return tf.leakyRelu(tf.mul(tf.concat(parts), Math.SQRT1_2), 5)
  })
  const centred = tf.tidy(() => tf.sub(rows, tf.mean(rows, 0)))
  const mean = await tf.tidy(() => tf.mean(rows, 0)).data()
  const covariance = await tf.tidy(() => tf.div(tf.matMul(centred, centred, true, false), count)).data()
  const matrix = Matrix.from1DArray(512, 512, covariance as Float32Array)
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true })
  const order = realEigenvalues.map((_, i) => i).sort((i, j) => realEigenvalues[j]! - realEigenvalues[i]!)
  const axes = new Float32Array(512 * 512)
  for (let row = 0; row < 512; row++)
    for (const [column, k] of order.entries()) axes[row * 512 + column] = eigenvectorMatrix.get(row, k)
  const deviations = Float32Array.from(order, k => Math.sqrt(Math.max(0, realEigenvalues[k]!) + floor))
  return new Map([
    ['mean', { shape: [512], data: Float32Array.from(mean) }],
    ['axes', { shape: [512, 512], data: axes }],
    ['deviations', { shape: [512], data: deviations }],
  ])
}

function prefixed(tensors: Tensors, prefix: string): [string, Values][] {
  return [...tensors].map(([name, values]) => [prefix + name, values])
}

const [source = 'random_face/data', target = repositoryPath('assets/generator.safetensors')] = process.argv.slice(2)
await useBackend('tensorflow')
const mapped = await mappingTensors(source)
const mappingWeights = Object.fromEntries(
  [...mapped].map(([name, { shape, data }]) => {
    const laid = toRuntime(shape, data)
    return [name, tf.tensor(laid.data, laid.shape)]
  }),
)
const heads = existsSync(target)
  ? [...(await readTensors(target))].filter(([name]) => /^synthesis\.to_img\.[34]\./.test(name))
  : []
await writeSafetensors(
  target,
  new Map([
    ...prefixed(await synthesisTensors(source), 'synthesis.'),
    ...prefixed(mapped, 'mapping.'),
    ...prefixed(await latentSpaceTensors(mappingWeights), 'latent_space.'),
    ...heads,
  ]),
  { source: 'random_face 2021.7.21.1 (MobileStyleGAN, arXiv 2104.04767)', license: 'Apache-2.0' },
  { dtype: process.argv[4] === 'F32' ? 'F32' : 'F16' },
)
