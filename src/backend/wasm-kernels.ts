/**
 * The fused kernels of the `wasm` backend: native/wasm.cc, compiled to native/kernels.wasm by `npm run native:wasm`.
 * They work in tfjs's own memory, and ask for inputs, attributes and outputs as they go (native/wasm-call.h).
 */
import * as tf from '@tensorflow/tfjs'
import { derived } from './defects/wasm-derived.ts'
import { type FusedName, fusedKernels, registeredName, registerMaxPoolGradient } from './fused.ts'
import type { WasmBackend } from './web-assembly.ts'
import { type Program, webAssembly } from './web-assembly.ts'

/** Filters and weights that kernels take as `Pack` lays them out, and whether transposed. */
const packed: Readonly<Partial<Record<FusedName, { input: number; transposed: (attributes: Attributes) => boolean }>>> =
  {
    Convolution: { input: 1, transposed: () => false },
    ConvolutionGradient: { input: 1, transposed: () => true },
    Affine: { input: 1, transposed: ({ transposed }) => transposed as boolean },
    SeparableConvolution: { input: 3, transposed: () => false },
    SeparableConvolutionGradient: { input: 5, transposed: () => true },
  }

type Attributes = Readonly<Record<string, number | boolean>>

/** A kernel at work. */
interface Call {
  readonly attributes: Attributes
  readonly inputs: readonly tf.TensorInfo[]
  /** Where the values of an input are, when not in the input itself. */
  readonly replaced: ReadonlyMap<number, tf.TensorInfo>
  readonly outputs: tf.TensorInfo[]
}

/** Bytes of the kernels' stack: they keep arrays of a few hundred values on it. */
const stackBytes = 1 << 16
/** Entries of the table of functions that are called by their address. */
const tableSize = 16

/** The kernels' bytes, compiled; undefined where the engine lacks the instructions that they are made of. */
export function compileKernels(bytes: Uint8Array): Program | undefined {
  return webAssembly.validate(bytes) ? new webAssembly.Module(bytes) : undefined
}

/**
 * Registers the kernels. Without them the same operations are made of tfjs's own.
 * @param backend the wasm backend, ready for use
 */
export function registerWasmKernels(backend: WasmBackend, program: Program): void {
  registerMaxPoolGradient('wasm')
  if (tf.getKernel(registeredName('GroupNorm'), 'wasm')) return
  const run = instantiate(program, backend)
  for (const name of Object.keys(fusedKernels) as FusedName[]) {
    const { inputs: order } = fusedKernels[name]
    const pack = packed[name]
    tf.registerKernel({
      kernelName: registeredName(name),
      backendName: 'wasm',
      kernelFunc({ inputs, attrs }) {
        const attributes = attrs as unknown as Attributes
        const tensors = order.map(input => inputs[input]!)
        const replaced = new Map<number, tf.TensorInfo>()
        if (pack) {
          const transposed = pack.transposed(attributes)
          const source = tensors[pack.input]!
          const make = () => run('Pack', [source], { transposed })[0]!
          replaced.set(pack.input, derived(backend, source, `packed ${transposed}`, make))
        }
        return run(name, tensors, attributes, replaced)
      },
    })
  }
}

/** The kernels in the memory of `backend`; each gives its outputs. */
function instantiate(
  program: Program,
  backend: WasmBackend,
): (
  name: string,
  inputs: readonly tf.TensorInfo[],
  attributes: Attributes,
  replaced?: Call['replaced'],
) => tf.TensorInfo[] {
  const { asm, _malloc } = backend.wasm
  const { memory } = asm
  let call: Call | undefined
  const names = new Map<number, string>()
  const nameAt = (address: number): string => {
    if (!names.has(address)) {
      const bytes = new Uint8Array(memory.buffer, address >>> 0)
      names.set(address, new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0))))
    }
    return names.get(address)!
  }
  const constant = (value: number) => new webAssembly.Global({ value: 'i32' }, value)
  const stack = new webAssembly.Global({ value: 'i32', mutable: true }, _malloc(stackBytes) + stackBytes)
  const { exports } = new webAssembly.Instance(program, {
    env: {
      memory,
      __stack_pointer: stack,
      __memory_base: constant(_malloc(dataBytes(program))),
      __table_base: constant(0),
      __indirect_function_table: new webAssembly.Table({ initial: tableSize, element: 'anyfunc' }),
      // operators new and delete
      _Znwm: (bytes: number) => asm.malloc(bytes) || refuseToAllocate(bytes >>> 0),
      _ZdlPv: asm.free,
      _ZNSt3__122__libcpp_verbose_abortEPKcz() {
        throw new Error('a fused kernel of the wasm backend ran into an impossible state')
      },
    },
    call: {
      attribute: (name: number): number => Number(call!.attributes[nameAt(name)]),
      input: (i: number): number => addressOf(call!.replaced.get(i) ?? call!.inputs[i]!, backend),
      rank: (i: number): number => call!.inputs[i]!.shape.length,
      dimension: (i: number, axis: number): number => call!.inputs[i]!.shape[axis]!,
      output(i: number, dimensions: number, rank: number): number {
        const shape = [...new Int32Array(memory.buffer, dimensions >>> 0, rank)]
        const bytes = 4 * tf.util.sizeFromShape(shape)
        // The allocator would take the lower 32 bits for the number.
        if (bytes >= 2 ** 32) refuseToAllocate(bytes)
        call!.outputs[i] = backend.makeOutput(shape, 'float32')
        return addressOf(call!.outputs[i]!, backend) || refuseToAllocate(bytes)
      },
      refuse(name: number, wanted: number, found: number): never {
        throw new Error(`expected ${nameAt(name)} of ${wanted} values, found ${found}`)
      },
    },
  })
  exports.__wasm_apply_data_relocs?.()
  return (name, inputs, attributes, replaced = new Map()) => {
    const top = stack.value
    call = { attributes, inputs, replaced, outputs: [] }
    try {
      exports[name]!()
      return call.outputs
    } catch (error) {
      // What the kernel itself had allocated stays so: nothing unwinds its stack.
      for (const output of call.outputs) if (output) backend.disposeData(output.dataId, true)
      throw error
    } finally {
      stack.value = top // an exception leaves it where it was
      call = undefined
    }
  }
}

function refuseToAllocate(bytes: number): never {
  throw new Error(`OOM when allocating ${bytes} bytes in the heap of the wasm backend`)
}

/** Where a tensor's values are in the memory. */
function addressOf({ dataId }: tf.TensorInfo, backend: WasmBackend): number {
  return backend.dataIdMap.get(dataId).memoryOffset
}

/** Bytes of the constants of a dynamically linked program: the first number of its section's first part, in LEB128. */
function dataBytes(program: Program): number {
  const [, , ...digits] = new Uint8Array(webAssembly.Module.customSections(program, 'dylink.0')[0]!)
  const last = digits.findIndex(digit => digit < 128)
  return digits.slice(0, last + 1).reduceRight((sum, digit) => sum * 128 + (digit & 127), 0)
}
