import type { ArgumentsCamelCase, Argv } from 'yargs'
import type { Remake } from '../pipeline/replay.ts'
import type { RunRecord } from '../pipeline/run-record.ts'
import { type DecryptionArguments, decryptionOptions } from './key-access.ts'

export const command = 'replay <run>'

export const builder = (yargs: Argv) =>
  decryptionOptions(yargs)
    .positional('run', { type: 'string', demandOption: true, describe: 'the folder of a run made with --record' })
    .option('keep', { type: 'string', describe: 'folder for the new outputs [default: not kept]' })

interface Arguments extends DecryptionArguments {
  run: string
  keep?: string
  backend?: string
}

/** How the outputs of each command that records its runs are made again. */
export const remakes: Readonly<Record<RunRecord['command'], Remake>> = {
  anonymize: async making => (await import('../pipeline/replay-photos.ts')).protectAgain(making),
  hide: async making => (await import('../pipeline/replay-photos.ts')).protectAgain(making),
  recover: async making => (await import('../pipeline/replay-photos.ts')).recoverAgain(making),
  demo: async making => (await import('../report/demo-run.ts')).demonstrateAgain(making),
  point: async making => (await import('../sweep/run.ts')).measureAgain(making),
}

/** Ends with exit code 1 when an output is not identical. */
export async function handler({
  run,
  keep,
  passphraseFile,
  identity,
  backend,
}: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { rmSync } = await import('node:fs')
  const { mkdtemp, realpath } = await import('node:fs/promises')
  const { tmpdir } = await import('node:os')
  const { join } = await import('node:path')
  const { UserError } = await import('../util/errors.ts')
  const { readRuns } = await import('../pipeline/run-record.ts')
  const { replay } = await import('../pipeline/replay.ts')
  const { readDecryption } = await import('./key-access.ts')
  if (keep !== undefined && (await realpath(keep).catch(() => keep)) === (await realpath(run)))
    throw new UserError(`expected --keep of another folder than the run's own, found ${keep}: it would be overwritten`)
  const decryption = await readDecryption({ passphraseFile, identity })
  const runs = await readRuns(run, decryption)
  const into = keep ?? (await mkdtemp(join(tmpdir(), 'replay-')))
  // Recovered originals and keys: they go however the process ends.
  const remove = () => rmSync(into, { recursive: true, force: true })
  if (keep === undefined) process.once('exit', remove)
  try {
    for (const record of runs) {
      const { outputs, otherwise } = await replay(run, record, remakes, { into, backend, decryption })
      for (const { path, identical, changedSince, difference } of outputs) {
        const apart = difference
          ? `: by up to ${difference.largest} of 255, in ${(100 * difference.share).toFixed(2)} % of its values`
          : ''
        const note = changedSince ? '; the file in the folder was changed or removed since' : ''
        console.log(`${identical ? 'identical' : 'differs'}  ${path}${apart}${note}`)
      }
      const same = outputs.filter(({ identical }) => identical).length
      console.log(`${record.command}: ${same} of ${outputs.length} outputs are identical`)
      if (same < outputs.length) process.exitCode = 1
      if (otherwise.length > 0) process.stderr.write(`different environment: ${otherwise.join('; ')}\n`)
    }
  } finally {
    if (keep === undefined) {
      remove()
      process.off('exit', remove)
    }
  }
}
