import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { kernelsPath, supersededKernels } from '../../src/backend/tensorflow-kernels.ts'

test('kernels of other versions are superseded; those in use, the binding and what is being compiled are not', () => {
  const old = ['diff_privacy_kernels.node', 'diff_privacy_kernels_0.node']
  const kept = [basename(kernelsPath), `${basename(kernelsPath)}.123`, 'tfjs_binding.node', 'native.json']
  expect(supersededKernels([...old, ...kept])).toEqual(old)
})
