import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { availableBackends, useBackend } from '../../../src/backend/index.ts'
import { checkIrSe50 } from '../../../src/parity/check-ir-se50.ts'

it('has the names, the output and the gradient of the reference', async () => {
  const native = (await availableBackends()).some(({ name, usable }) => name === 'tensorflow' && usable)
  await useBackend(native ? 'tensorflow' : 'wasm')
  const golden = await readFile(new URL('../../golden/arcface-ir-se50.json', import.meta.url), 'utf8')
  const checks = await checkIrSe50(JSON.parse(golden))
  expect(checks.map(({ what }) => what)).toEqual(['parameters', 'embedding', 'd/dx'])
  for (const { what, relativeError, tolerance } of checks) expect(relativeError, what).toBeLessThanOrEqual(tolerance)
})
