/**
 * Mixed precision for training on the `tensorflow` backend: convolutions and matrix products round their inputs to
 * bfloat16, multiply with the CPU's bf16 instructions (sums stay float32) and return float32 tensors, so that weights,
 * gradients and optimizer state keep their precision. tfjs knows no bf16 tensors: between the casts they live as raw
 * handles of the binding. Measured with AVX512_BF16 on 2 cores, casts included, [32,16,16,96] by 3x3x96x96: forward and
 * input gradient 198 -> 305 GFLOP/s, filter gradient 199 -> 257; 8192x96 by 96x288: 154 -> 209.
 */
import { existsSync, readFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import type { ConvAttributes } from './defects/override.ts'
import { registeredName } from './fused.ts'
import { type Handle, type NodeBackend, RawOps } from './raw-ops.ts'

/**
 * What the casts cost, in floating-point operations of float32: so many a call, and so many for every value that is cast.
 * Measured on one core of an EPYC 9004, where float32 does 110 GFLOP/s and bf16 215.
 */
const castCosts = { call: 7e6, value: 45 }

/** Largest image, in pixels, whose filter gradient is faster as a convolution over the batch axis. */
const batchAxisPixels = 256

type KernelArgs = { inputs: tf.NamedTensorInfoMap; attrs?: object; backend: unknown }

/** The bf16 version of each kernel; undefined says that float32 serves this call better. */
const kernels: Readonly<Record<string, (args: KernelArgs) => tf.TensorInfo | undefined>> = {
  Conv2D({ inputs, attrs, backend }) {
    const { x, filter } = inputs as { x: tf.TensorInfo; filter: tf.TensorInfo }
    const info = convolution(x.shape, filter.shape, attrs as ConvAttributes)
    if (!info || !convolutionPays(info, [x, filter])) return undefined
    return inBf16(backend, [x, filter], (ops, [xb, wb]) => ops.conv2d('Conv2D', [xb!, wb!], info))
  },

  Conv2DBackpropInput({ inputs, attrs, backend }) {
    const { dy, filter } = inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo }
    const info = convolution((attrs as ConvAttributes).inputShape!, filter.shape, attrs as ConvAttributes)
    if (!info || info.padInfo.type === 'EXPLICIT' || !convolutionPays(info, [dy, filter])) return undefined
    return inBf16(backend, [filter, dy], (ops, [wb, db]) =>
      ops.conv2d('Conv2DBackpropInput', [ops.ints(info.inShape), wb!, db!], info),
    )
  },

  /**
   * The library's own bf16 kernel gains nothing on small images. The same sums as a forward convolution, with the
   * batch as channels and dy as filter: dw[i,j,c,o] = sum over n,y,x of x[n,y+i,x+j,c] dy[n,y,x,o].
   */
  Conv2DBackpropFilter({ inputs, attrs, backend }) {
    const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo }
    const info = convolution(x.shape, (attrs as ConvAttributes).filterShape!, attrs as ConvAttributes)
    if (!info || info.padInfo.type === 'EXPLICIT' || !convolutionPays(info, [x, dy])) return undefined
    if (info.strideHeight !== 1 || info.strideWidth !== 1) return undefined
    if (info.filterHeight === 1 || info.outHeight * info.outWidth > batchAxisPixels)
      return inBf16(backend, [x, dy], (ops, [xb, db]) =>
        ops.conv2d('Conv2DBackpropFilter', [xb!, ops.ints(info.filterShape), db!], info),
      )
    const { top, bottom, left, right } = info.padInfo
    return inBf16(backend, [x, dy], (ops, [xb, db]) => {
      const image = ops.transpose(xb!, [3, 1, 2, 0]) // [c, h, w, n]
      const filter = ops.transpose(db!, [1, 2, 0, 3]) // [h', w', n, o]
      return ops.transpose(ops.conv2dPadded(image, filter, [top, bottom, left, right]), [1, 2, 0, 3]) // [kh, kw, c, o]
    })
  },

  BatchMatMul({ inputs, attrs, backend }) {
    const { a, b } = inputs as { a: tf.TensorInfo; b: tf.TensorInfo }
    const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean }
    const inner = a.shape.at(transposeA ? -2 : -1)!
    const products = (size(a) * size(b)) / inner / Math.max(1, tf.util.sizeFromShape(b.shape.slice(0, -2)))
    if (!pays(products, size(a) + size(b) + products / inner, [a, b])) return undefined
    return inBf16(backend, [a, b], (ops, [ab, bb]) => ops.matMul(ab!, bb!, transposeA, transposeB))
  },
}

/** Names of the fused kernels that compute in float32 what these do: bf16 sets them aside. */
export const replacedByBf16: readonly string[] = (['Convolution', 'ConvolutionGradient', 'Affine'] as const).map(
  registeredName,
)

let originals: tf.KernelConfig[] = []
let setAside: tf.KernelConfig[] = []

/**
 * Turns bf16 on for the `tensorflow` backend, which must be in use.
 * @returns false, with nothing changed, when the backend is another one or a GPU, or the CPU has no bf16 instructions
 */
export function enableBf16(): boolean {
  if (originals.length > 0) return true
  if (tf.getBackend() !== 'tensorflow' || !hasBf16Instructions()) return false
  if ((tf.backend() as unknown as NodeBackend).isUsingGpuDevice) return false
  originals = Object.keys(kernels).map(name => tf.getKernel(name, 'tensorflow'))
  for (const original of originals) {
    const kernel = kernels[original.kernelName]!
    replace({ ...original, kernelFunc: args => kernel(args) ?? original.kernelFunc(args) })
  }
  setAside = replacedByBf16.flatMap(name => tf.getKernel(name, 'tensorflow') ?? [])
  for (const { kernelName } of setAside) tf.unregisterKernel(kernelName, 'tensorflow')
  return true
}

/** Puts the float32 kernels back. */
export function disableBf16(): void {
  originals.forEach(replace)
  setAside.forEach(tf.registerKernel)
  originals = []
  setAside = []
}

/** Whether the CPU multiplies bfloat16; without that, TensorFlow emulates it slowly. */
export function hasBf16Instructions(cpuinfo = '/proc/cpuinfo'): boolean {
  return existsSync(cpuinfo) && /\b(avx512_bf16|amx_bf16)\b/.test(readFileSync(cpuinfo, 'utf8'))
}

function replace(config: tf.KernelConfig): void {
  tf.unregisterKernel(config.kernelName, config.backendName)
  tf.registerKernel(config)
}

/** Casts the inputs, runs `body`, casts its result back; every handle in between is freed, whatever happens. */
function inBf16(
  backend: unknown,
  inputs: tf.TensorInfo[],
  body: (ops: RawOps, inputs: Handle[]) => Handle,
): tf.TensorInfo {
  const ops = new RawOps(backend as NodeBackend)
  try {
    return ops.toFloat32(body(ops, inputs.map(ops.toBf16)))
  } finally {
    ops.free()
  }
}

/** The geometry, where it is one the bf16 kernels take: NHWC without dilation. */
function convolution(input: number[], filter: number[], attrs: ConvAttributes): tf.backend_util.Conv2DInfo | undefined {
  if (attrs.dataFormat && attrs.dataFormat !== 'NHWC') return undefined
  const info = tf.backend_util.computeConv2DInfo(
    input as [number, number, number, number],
    filter as [number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
  )
  const { type } = info.padInfo
  const known = type === 'SAME' || type === 'VALID' || type === 'EXPLICIT'
  return known && info.dilationHeight === 1 && info.dilationWidth === 1 ? info : undefined
}

function convolutionPays(info: tf.backend_util.Conv2DInfo, inputs: tf.TensorInfo[]): boolean {
  const [input, filter, output] = [info.inShape, info.filterShape, info.outShape].map(tf.util.sizeFromShape)
  const products = (output! / info.outChannels) * filter!
  return pays(products, input! + filter! + output!, inputs)
}

/** Whether the products are faster in bf16 although `cast` values are cast. */
const pays = (products: number, cast: number, inputs: tf.TensorInfo[]): boolean =>
  inputs.every(({ dtype }) => dtype === 'float32') && 2 * products > castCosts.call + castCosts.value * cast

const size = (t: tf.TensorInfo): number => tf.util.sizeFromShape(t.shape)
