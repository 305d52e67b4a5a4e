/**
 * npm run fuzz -- [--minutes N] [--mutants N] [--commands N] [--kills N] [--full-disk] [--seed N]: hostile files through
 * every reader, and writes that are killed or have no room. Exit code 1 when anything happened that must not.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { textTable } from '../../src/util/text-table.ts'
import { fuzzCommandLine } from './command-line.ts'
import { fillDisk, onSmallDisk } from './full-disk.ts'
import { failures, fuzz, type Problem } from './harness.ts'
import { killWrites } from './kills.ts'
import { seeds } from './seeds.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    mutants: { type: 'string' },
    commands: { type: 'string', default: '0' },
    kills: { type: 'string', default: '0' },
    'full-disk': { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
})
const seed = Number(values.seed)
const folder = await mkdtemp(join(tmpdir(), 'fuzz-'))
const onlyWrites =
  values.minutes === undefined && values.mutants === undefined && (Number(values.kills) > 0 || values['full-disk'])
const minutes = Number(values.minutes ?? (values.mutants === undefined ? 10 : 600))
const most = onlyWrites ? 0 : Number(values.mutants ?? Number.POSITIVE_INFINITY)
const until = performance.now() + 60_000 * minutes
const problems: Problem[] = []
let failed = false

const corpus = await seeds()
if (most > 0) {
  const { tallies, problems: found } = await fuzz(corpus, { seed, until, most, folder: join(folder, 'readers') })
  problems.push(...found)
  const rows = [...tallies].map(([name, { mutants, read, refused, slowest, largest }]) => [
    name,
    ...[mutants, read, refused, Math.round(slowest), Math.round(largest / 1e6)].map(String),
  ])
  const total = [...tallies.values()].reduce((sum, { mutants }) => sum + mutants, 0)
  console.log(
    textTable([['file', 'mutants', 'read', 'refused', 'ms at most', 'MB at most'], ...rows], column => column > 0).join(
      '\n',
    ),
  )
  console.log(`${total} mutants of ${corpus.length} files, seed ${seed}, ${availableParallelism()} cores`)
}
if (Number(values.commands) > 0) {
  const { runs, problems: found } = await fuzzCommandLine(corpus, {
    seed,
    until: Number.POSITIVE_INFINITY,
    most: Number(values.commands),
    folder,
  })
  problems.push(...found)
  console.log(`${runs} mutants through the command line`)
}
for (const failure of failures)
  console.log(`${failure}: ${problems.filter(problem => problem.failure === failure).length}`)
for (const { failure, seed, number, how, detail } of problems.slice(0, 20))
  console.log(
    `${failure}: ${seed}, mutant ${number}: ${how}: ${detail.split('\n').slice(0, 4).join(' | ').slice(0, 600)}`,
  )

if (Number(values.kills) > 0) {
  const kills = await killWrites(await mkdtemp(join(folder, 'kills-')), Number(values.kills))
  const { lost, halfWritten, finished } = kills
  console.log(
    `${kills.kills} kills: ${lost} lost, ${halfWritten} half-written; ${finished} commits were finished by their journals`,
  )
  for (const problem of kills.problems) console.log(problem)
  failed ||= lost + halfWritten > 0
}
if (values['full-disk']) {
  const place = join(folder, 'disk')
  const full = await onSmallDisk(place, () => fillDisk(place))
  console.log(
    full
      ? `full disk: ${full.tries} writes with 0 to ${full.tries - 1} pages of room, ${full.refused} refused, ${full.problems.length} lost or half-written`
      : 'full disk: skipped, mounting a small disk takes Linux and root',
  )
  for (const problem of full?.problems ?? []) console.log(problem)
  failed ||= (full?.problems.length ?? 0) > 0
}
if (problems.length > 0) console.log(`what failed lies in ${folder}`)
else await rm(folder, { recursive: true })
process.exit(failed || problems.length > 0 ? 1 : 0)
