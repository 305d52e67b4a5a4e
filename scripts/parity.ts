/**
 * `npm run parity [-- DIR] [--only NAME] [--backend NAME]`: checks the networks against reference numbers on every backend present, or
 * on one. Prints a line for each compared tensor; the exit code is 1 when one is beyond its tolerance.
 */
import { readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { command } from '../bench/command.ts'
import { availableBackends, chooseBackend } from '../src/backend/index.ts'
import type { BackendName } from '../src/backend/names.ts'
import { passes } from '../src/parity/checkers.ts'
import { runParity } from '../src/parity/run.ts'
import { UserError } from '../src/util/errors.ts'
import { repositoryPath } from '../src/util/paths.ts'
import { textLine } from '../src/util/text-table.ts'

await command(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: 'string', multiple: true }, backend: { type: 'string' } },
  })
  const [dir] = positionals
  const folder = dir === undefined ? repositoryPath('test/golden') : resolve(dir)
  const paths = await goldenFiles(folder, values.only)
  const backends = await chooseBackends(values.backend)

  const width = Math.max(...paths.map(path => name(path).length))
  const columns = [
    ...[width, 30, 14].map(width => ({ width })),
    ...[9, 9].map(width => ({ width, right: true })),
    { width: 2 },
  ]
  const row = (...cells: string[]) => console.log(textLine(cells, columns))
  row('file', 'what', 'backend', 'error', 'tolerance', 'ok')
  let failures = 0
  let count = 0
  await runParity(paths, backends, result => {
    const file = name(result.path)
    if ('skipped' in result) row(file, `skipped: ${result.skipped}`, result.backend)
    else if ('error' in result) {
      failures++
      row(file, `error: ${result.error}`, result.backend, '', '', 'NO')
    } else {
      for (const check of result.checks) {
        count++
        const ok = passes(check)
        if (!ok) failures++
        const { what, relativeError, tolerance } = check
        row(file, what, result.backend, relativeError.toExponential(1), tolerance.toExponential(0), ok ? 'yes' : 'NO')
      }
      row(file, `${result.seconds.toFixed(1)} s, peak ${(result.peakBytes / 1e9).toFixed(1)} GB`, result.backend)
    }
  })
  console.log(failures > 0 ? `${failures} beyond tolerance` : `all ${count} within tolerance`)
  if (failures > 0) process.exitCode = 1
})

function name(path: string): string {
  return basename(path, '.json')
}

async function goldenFiles(folder: string, only: string[] | undefined): Promise<string[]> {
  const entries = await readdir(folder).catch(() => {
    throw new UserError(`expected a folder of golden files, found none at '${folder}': name one that exists`)
  })
  const names = entries.filter(entry => entry.endsWith('.json')).map(name)
  const missing = only?.find(wanted => !names.includes(wanted))
  if (missing !== undefined || names.length === 0)
    throw new UserError(
      `expected ${missing ? `'${missing}.json'` : 'golden files (*.json)'} in '${folder}', found ${names.join(', ') || 'none'}`,
    )
  return names
    .filter(entry => !only || only.includes(entry))
    .sort()
    .map(entry => join(folder, `${entry}.json`))
}

/** The backends present, or the one asked for; says why each of the others is left out. */
async function chooseBackends(asked: string | undefined): Promise<BackendName[]> {
  if (asked !== undefined) return [await chooseBackend(asked)]
  const all = await availableBackends()
  const chosen = all.filter(({ usable, automatic = true }) => usable && automatic)
  for (const { name, usable, reason } of all.filter(backend => !chosen.includes(backend)))
    console.log(`${name}: not checked: ${usable ? `slow (${reason}): --backend ${name} checks it` : reason}`)
  return chosen.map(({ name }) => name)
}
