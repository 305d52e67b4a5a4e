import { spawnSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { processorName } from '../src/util/environment.ts'

/** What a bench ran on. */
export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryGB: number
  readonly commit: string
}

/** This machine, and the commit of what is measured. */
export function thisMachine(): Machine {
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const git = (...args: string[]) => spawnSync('git', args, { cwd, encoding: 'utf8' }).stdout.trim()
  const changed = git('status', '--porcelain', '--', 'src', 'bench') ? ' (changed)' : ''
  return {
    processor: processorName(),
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 2 ** 30),
    commit: git('rev-parse', '--short', 'HEAD') + changed,
  }
}
