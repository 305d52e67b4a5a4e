import * as tf from '@tensorflow/tfjs'

type Count = (inputs: tf.NamedTensorInfoMap, attributes: Record<string, unknown>, output: tf.TensorInfo) => number

const size = (x: { shape: readonly number[] }): number => tf.util.sizeFromShape([...x.shape])
const perPixel = (filter: readonly number[]): number => size({ shape: filter }) / filter.at(-1)!

/** Multiplications of each kernel that is mostly multiplications. */
const multiplications: Readonly<Record<string, Count>> = {
  Conv2D: ({ filter }, _, y) => size(y) * perPixel(filter!.shape),
  FusedConv2D: ({ filter }, _, y) => size(y) * perPixel(filter!.shape),
  Conv2DBackpropInput: ({ dy, filter }) => size(dy!) * perPixel(filter!.shape),
  Conv2DBackpropFilter: ({ dy }, { filterShape }) => size(dy!) * perPixel(filterShape as number[]),
  BatchMatMul: ({ a }, { transposeA }, y) => size(y) * a!.shape.at(transposeA ? -2 : -1)!,
  DiffPrivacyConvolution: ({ filter }, _, y) => size(y) * perPixel(filter!.shape),
  DiffPrivacyConvolutionGradient: ({ dy, filter }) => size(dy!) * perPixel(filter!.shape),
  DiffPrivacyAffine: ({ x }, _, y) => size(y) * x!.shape.at(-1)!,
  _FusedMatMul: ({ a }, { transposeA }, y) => size(y) * a!.shape.at(transposeA ? -2 : -1)!,
}

/** Floating-point operations of one kernel: two for each multiplication, 0 of one that is mostly something else. */
export function operationsOf(
  kernel: string,
  { inputs, attrs }: Parameters<tf.KernelFunc>[0],
  output: ReturnType<tf.KernelFunc>,
): number {
  return 2 * (multiplications[kernel]?.(inputs, attrs ?? {}, [output].flat()[0]!) ?? 0)
}

/** Floating-point operations in the convolutions and matrix products of `work`: two for each multiplication. */
export function countOperations(backend: string, work: () => void): number {
  let operations = 0
  let depth = 0
  const name = backend === 'tensorflow-gpu' ? 'tensorflow' : backend
  const originals = Object.keys(multiplications).flatMap(kernel => tf.getKernel(kernel, name) ?? [])
  const replace = (config: tf.KernelConfig) => {
    tf.unregisterKernel(config.kernelName, name)
    tf.registerKernel(config)
  }
  for (const original of originals) {
    const kernelFunc: tf.KernelFunc = args => {
      depth++ // one kernel may call another
      const result = original.kernelFunc(args)
      depth--
      if (depth === 0) operations += operationsOf(original.kernelName, args, result)
      return result
    }
    replace({ ...original, kernelFunc })
  }
  work()
  originals.forEach(replace)
  return operations
}
