import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { supersededKernels } from '../../src/backend/tensorflow-kernels.ts'

const binding = join(
  dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json')),
  'lib/napi-v8/tfjs_binding.node',
)

/** Runs the script with a PATH on which there is nothing but Node. */
function native(...args: string[]) {
  const path = mkdtempSync(join(tmpdir(), 'no-tools-'))
  return spawnSync(process.execPath, ['--import', 'tsx', 'scripts/native.ts', ...args], {
    encoding: 'utf8',
    env: { ...process.env, PATH: path, CXX: 'c++' },
  })
}

it('refuses an option it does not know, in one line', () => {
  const { status, stderr } = native('--gpus')
  expect(status).toBe(2)
  expect(stderr).toBe("npm run native knows the option --gpu, found '--gpus': leave it out\n")
})

it('leaves a working installation alone, or names each missing tool in one line', () => {
  const before = existsSync(binding) ? statSync(binding).mtimeMs : undefined
  const { status, stdout, stderr } = native()
  if (status === 0) {
    expect(stdout).toMatch(/already works: libtensorflow \d+\.\d+\.\d+/)
    expect(statSync(binding).mtimeMs).toBe(before)
    expect(supersededKernels(readdirSync(dirname(binding)))).toEqual([])
  } else {
    expect(status).toBe(2)
    expect(stderr.trim().split('\n')).toHaveLength(3)
    expect(stderr).toMatch(/expected Python 3.8 or newer/)
    expect(stderr).toMatch(/expected a C\+\+ compiler/)
    expect(stderr).toMatch(/expected make/)
  }
})
