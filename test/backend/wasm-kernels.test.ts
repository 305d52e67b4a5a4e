import { readFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { expect, it } from 'vitest'
import { customSection, sourcesChecksum, sourcesSection } from '../../scripts/kernel-sources.ts'
import { fused } from '../../src/backend/fused.ts'
import { useBackend } from '../../src/backend/index.ts'
import { wasmKernels, wasmKernelsPath } from '../../src/backend/wasm.ts'
import type { WasmBackend } from '../../src/backend/web-assembly.ts'
import { webAssembly } from '../../src/backend/web-assembly.ts'
import { repositoryPath } from '../../src/util/paths.ts'

it('the compiled kernels are of the sources beside them', () => {
  const [section] = webAssembly.Module.customSections(wasmKernels()!, sourcesSection)
  expect(Buffer.from(section!).toString(), 'npm run native:wasm').toBe(sourcesChecksum(repositoryPath()))
})

it('a section is read back, also one longer than 127 bytes', () => {
  const text = 'x'.repeat(300)
  const program = new webAssembly.Module(Buffer.concat([readFileSync(wasmKernelsPath), customSection('note', text)]))
  expect(webAssembly.Module.customSections(program, 'note').map(bytes => Buffer.from(bytes).toString())).toEqual([text])
})

it('what is packed of a weight goes with it, and is made anew when a weight has other values', async () => {
  await useBackend('wasm')
  const product = (scale: number) =>
    tf.tidy(() => {
      const [x, weight] = [tf.ones([2, 3]), tf.fill([3, 4], scale)]
      const attributes = { transposed: false, biased: false, added: false }
      const twice = [0, 1].map(() => fused('Affine')!({ x, weight, bias: x, addend: x }, attributes)[0]!.dataSync())
      expect(twice[0]).toEqual(twice[1])
      return twice[0]![0]
    })
  const heap = () => (tf.backend() as unknown as { numDataIds(): number }).numDataIds()
  const before = heap()
  expect(product(1)).toBe(3)
  expect(product(2)).toBe(6)
  expect(heap()).toBe(before)
})

it('the stack is where it was after a kernel that failed', async () => {
  await useBackend('wasm')
  const [x, filter, few] = [tf.ones([1, 2, 2, 4]), tf.ones([3, 3, 4, 4]), tf.ones([3])]
  const options = { stride: 1, same: true, relu: false, biased: true, added: false }
  for (let i = 0; i < 2000; i++)
    expect(() => fused('Convolution')!({ x, filter, bias: few, addend: x }, options)).toThrow(/expected a bias/)
  const bias = tf.zeros([4])
  const [y] = fused('Convolution')!({ x, filter, bias, addend: x }, options)
  expect([...y!.dataSync()].slice(0, 4)).toEqual([16, 16, 16, 16])
  tf.dispose([x, filter, few, bias, y!])
})

it('outputs that were made before a failure go with it; one of 4 GiB is refused', async () => {
  await useBackend('wasm')
  const dy = tf.ones([1, 2, 2, 4])
  const filter = tf.ones([3, 3, 4, 4])
  const heap = () => (tf.backend() as unknown as { numDataIds(): number }).numDataIds()
  const gradient = (side: number) =>
    fused('ConvolutionGradient')!(
      { dy, filter, y: dy },
      { stride: 1, same: true, relu: false, height: side, width: side },
    )
  tf.dispose(gradient(2)) // the filter is packed now
  const before = heap()
  expect(() => gradient(2 ** 14)).toThrow('OOM when allocating 4294967296 bytes')
  expect(heap()).toBe(before)
  tf.dispose([dy, filter])
  expect(heap()).toBe(before - 3)
})

it('works beyond the second gigabyte of the heap', async () => {
  await useBackend('wasm')
  const { _malloc, asm } = (tf.backend() as unknown as WasmBackend).wasm
  const taken = Array.from({ length: 9 }, () => _malloc(2 ** 28)) // reserved, and never touched
  // And what is free below, from large pieces to small ones.
  for (let bytes = 2 ** 24; bytes >= 8; bytes /= 2)
    do taken.push(_malloc(bytes))
    while (taken.at(-1)! >>> 0 < 2 ** 31)
  const x = tf.ones([2, 3])
  const weight = tf.ones([3, 4])
  const [y] = fused('Affine')!({ x, weight, bias: x, addend: x }, { transposed: false, biased: false, added: false })
  expect(addressOf(y!)).toBeGreaterThan(2 ** 31)
  expect([...y!.dataSync()]).toEqual(Array(8).fill(3))
  tf.dispose([x, weight, y!])
  for (const address of taken) asm.free(address)
})

function addressOf({ dataId }: tf.Tensor): number {
  return (tf.backend() as unknown as WasmBackend).dataIdMap.get(dataId).memoryOffset
}
