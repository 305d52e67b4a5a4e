import { expect, test } from 'vitest'
import { bestRate, type WasmReport, wasmMarkdown } from '../../bench/wasm-report.ts'
import { machine } from './machine.ts'

const kernels = Array.from({ length: 10 }, (_, i) => ({
  kernel: `Kernel${i}`,
  calls: i + 1,
  seconds: 0.05 - 0.001 * i,
  operations: i === 0 ? 1e9 : 0,
}))
const report: WasmReport = {
  ...machine,
  results: [
    { name: 'convolution', title: 'A convolution', operations: 6e9, seconds: [0.3, 0.2, 0.25], kernels: [] },
    { name: 'step', title: 'A step', operations: 6e9, seconds: [0.5, 0.4, 0.9], kernels },
  ],
}

test('rates are of the median repetition, and told against the best', () => {
  expect(bestRate(report)).toBeCloseTo(24e9)
  expect(wasmMarkdown(report)).toContain(
    '| A convolution | 250 ms | 24.0 | **1.00** |\n| A step | 500 ms | 12.0 | **2.00** |',
  )
})

test('the kernels of the last result are told, those that take least together', () => {
  const text = wasmMarkdown(report)
  expect(text).toContain('| Kernel0 | 1 | 50 ms | 11 % | 20.0 |')
  expect(text).toMatch(/\| Kernel7 \|.*\n\| 2 others \| {2}\| 83 ms \| 18 % \| {2}\|\n/)
  expect(text).not.toContain('Kernel8')
})
