import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { fusedBackend } from '../../src/backend/index.ts'
import { loadModelConfig } from '../../src/config/model.ts'
import { loadRecipe } from '../../src/config/recipe.ts'
import { processBytes } from '../../src/plan/plan.ts'
import { planProtection } from '../../src/plan/protect.ts'
import { usableBackends } from '../models/backends.ts'

const isLinux = process.platform === 'linux'
if (!isLinux) console.log('memory: nothing measured, only Linux says how much a process had at most')

it.skipIf(!isLinux).each(usableBackends)(
  'the memory planned for the default model on %s is within 15 percent of what it takes',
  async backend => {
    const script = fileURLToPath(new URL('protect-once.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, backend])
    const measured = Number(stdout.trim().split('\n').at(-1))
    const plan = await planProtection(await loadModelConfig('faces-128'), await loadRecipe('faces-128/anonymize'), {
      brief: true,
      fused: fusedBackend(backend),
    })
    const planned = processBytes(plan, backend)!
    expect(Math.abs(planned / measured - 1), `${planned} planned, ${measured} measured`).toBeLessThan(0.15)
  },
)
