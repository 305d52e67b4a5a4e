import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { expect, it } from 'vitest'
import { customSection, sourcesChecksum, sourcesSection } from '../../scripts/kernel-sources.ts'
import { fused } from '../../src/backend/fused.ts'
import { useBackend } from '../../src/backend/index.ts'
import { wasmKernels, wasmKernelsPath } from '../../src/backend/wasm-kernels.ts'
import { webAssembly } from '../../src/backend/web-assembly.ts'

it('the compiled kernels are of the sources beside them', () => {
  const [section] = webAssembly.Module.customSections(wasmKernels()!, sourcesSection)
  expect(Buffer.from(section!).toString(), 'npm run native:wasm').toBe(sourcesChecksum(dirname(wasmKernelsPath)))
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
