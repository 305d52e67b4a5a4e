import type { ArgumentsCamelCase, Argv } from 'yargs'
import type { PreparePart } from '../data/prepare-handlers.ts'

export const command = 'dataset <action> <name>'

export const builder = (yargs: Argv) =>
  yargs
    .positional('action', {
      choices: ['prepare', 'info'] as const,
      describe: 'prepare: find, align and cache every face; info: what a data set is, and what is prepared of it',
    })
    .positional('name', {
      type: 'string',
      demandOption: true,
      describe: 'a manifest of datasets/, such as lfw, or your own (NAME.yaml); for info also a prepared folder',
    })
    .option('from', { type: 'string', describe: 'the pictures: a folder, a zip archive, Parquet files' })
    .option('out', { type: 'string', describe: 'where the faces are [default: runs/data/NAME]' })
    .option('size', { type: 'number', default: 128, describe: 'side of the aligned faces in pixels' })
    .option('identities', { type: 'string', describe: "folder of CelebA's files of identities [default: --from's]" })
    .option('pairs', { type: 'string', describe: "info: LFW's pairs.txt, whose pairs are looked for" })
    .option('jobs', { type: 'number', default: 1, describe: 'processes that prepare side by side' })

interface Arguments {
  action: 'prepare' | 'info'
  name: string
  from?: string
  out?: string
  size: number
  identities?: string
  pairs?: string
  jobs: number
  backend?: string
}

export async function handler(options: ArgumentsCamelCase<Arguments>): Promise<void> {
  await (options.action === 'prepare' ? prepare(options) : info(options))
}

async function prepare({ name, from, out, size, identities, jobs, backend }: Arguments) {
  const { join } = await import('node:path')
  const { useBackend } = await import('../backend/index.ts')
  const { UserError } = await import('../errors.ts')
  const { loadManifest } = await import('../data/manifest.ts')
  const { prepareDataset } = await import('../data/prepare.ts')
  const { unknownPeople } = await import('../data/splits.ts')
  const { asMistake } = await import('../jobs/job.ts')
  const { checkJobs, processPool } = await import('../jobs/process-pool.ts')
  const { progress } = await import('../progress.ts')
  if (!from) throw new UserError('expected --from, the folder, zip archive or Parquet files of the pictures')
  checkJobs(jobs)
  const manifest = await loadManifest(name)
  const folder = out ?? `runs/data/${manifest.name}`
  const settings = { from, out: folder, size, ...(identities && { identities }) }
  await useBackend(backend)
  console.log(`${manifest.title}: ${manifest.licence}`)
  const workers = async (onLooked: (pictures: number) => void) => {
    const pool = processPool({
      jobs,
      scratch: join(folder, 'preparing', 'jobs'),
      handlers: new URL('../data/prepare-handlers.ts', import.meta.url),
    })
    const looked = Array.from({ length: jobs }, () => 0)
    const parts = looked.map((_, part) => {
      const input: PreparePart = { manifest, options: settings, part, parts: jobs, backend }
      const onProgress = (done: number) => {
        looked[part] = done
        onLooked(looked.reduce((a, b) => a + b, 0))
      }
      return pool.run({ id: `part-${part}`, kind: 'prepare', input }, onProgress).catch(asMistake)
    })
    await Promise.all(parts).finally(() => pool.close())
  }
  const bar = progress('preparing', 1)
  const summary = await prepareDataset(manifest, {
    ...settings,
    onProgress: (done, total) => bar.update(done, undefined, total),
    ...(jobs > 1 && { workers }),
  }).finally(() => bar.stop())
  const counts = Object.entries(summary.written).map(
    ([split, count]) => `${count} ${split} faces of ${summary.people[split]} people`,
  )
  console.log(`${folder}: ${counts.join(', ')}`)
  console.log(droppedLine(summary.dropped, folder))
  if (!summary.identitiesKnown) console.log(unknownPeople(Object.keys(summary.written), summary.identities))
}

async function info({ name, out, pairs, backend }: Arguments) {
  const { existsSync } = await import('node:fs')
  const { join } = await import('node:path')
  const { useBackend } = await import('../backend/index.ts')
  const { loadManifest, manifestNames } = await import('../data/manifest.ts')
  const { pairsWithin, splitsOf, summaryOf, writeContactSheet } = await import('../data/info.ts')
  const { heldOut, unknownPeople } = await import('../data/splits.ts')
  const isManifest = (await manifestNames()).includes(name) || name.endsWith('.yaml')
  const manifest = isManifest ? await loadManifest(name) : undefined
  const folder = out ?? (manifest ? `runs/data/${manifest.name}` : name)
  const summary = await summaryOf(folder)
  const about = manifest ?? summary
  if (about) console.log([about.title, `licence: ${about.licence}`, ...about.terms.map(t => `  - ${t}`)].join('\n'))
  if (manifest?.home) console.log(`from: ${manifest.home}`)
  if (manifest) console.log(`people: ${manifest.identities}; ${heldOut(manifest)}`)
  if (manifest && !existsSync(folder)) {
    console.log(`not prepared yet: diff-privacy dataset prepare ${name} --from PATH`)
    return
  }
  await useBackend(backend)
  const splits = await splitsOf(folder)
  for (const { name, faces, people, size } of splits)
    console.log(`${name}: ${faces} faces of ${people} people, ${size} x ${size}`)
  if (summary) {
    console.log(droppedLine(summary.dropped, folder))
    const sizes = summary.photoSizes.map(({ size, count }) => `${count} of ${size}`)
    console.log(
      `photos: ${[...sizes, ...(summary.otherSizes ? [`${summary.otherSizes} of other sizes`] : [])].join(', ')}`,
    )
    if (!summary.identitiesKnown) console.log(unknownPeople(Object.keys(summary.written), summary.identities))
  }
  if (pairs) {
    const { readLfwPairs } = await import('../data/lfw-pairs.ts')
    const all = await readLfwPairs(pairs)
    console.log(`${pairs}: ${all.length} pairs in ${new Set(all.map(({ fold }) => fold)).size} folds`)
    for (const split of splits) {
      const { genuine, impostor } = await pairsWithin(all, split)
      console.log(`  both photos in ${split.name}: ${genuine} genuine and ${impostor} impostor pairs`)
    }
  }
  const sheet = join(folder, 'contact-sheet.jpg')
  await writeContactSheet(sheet, splits)
  console.log(`contact sheet: ${sheet}`)
}

function droppedLine(dropped: Readonly<Record<string, number>>, folder: string): string {
  const counts = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`)
  return counts.length > 0 ? `dropped: ${counts.join(', ')} (listed in ${folder}/dropped.tsv)` : 'dropped: none'
}
