/** Recognizers and the face parser at full size: on the fastest backend only, as `npm run parity` covers every one. */
import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { checkBisenet, checkFacenet, checkIrSe50 } from '../../src/parity/check-networks.ts'
import { usableBackends } from './backends.ts'

it.each([
  ['arcface-ir-se50', checkIrSe50, 'embedding'],
  ['facenet', checkFacenet, 'embedding'],
  ['bisenet', checkBisenet, 'logits'],
] as const)('%s has the names, the output and the gradient of the reference', async (name, check, output) => {
  await useBackend(usableBackends[0])
  const golden = await readFile(new URL(`../golden/${name}.json`, import.meta.url), 'utf8')
  const checks = await check(JSON.parse(golden))
  expect(checks.map(({ what }) => what)).toEqual(['parameters', output, 'd/dx'])
  for (const { what, relativeError, tolerance } of checks) expect(relativeError, what).toBeLessThanOrEqual(tolerance)
})
