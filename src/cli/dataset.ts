import type { ArgumentsCamelCase, Argv } from 'yargs'

export const command = 'dataset <action> [name]'

export const builder = (yargs: Argv) =>
  yargs
    .positional('action', {
      choices: ['prepare', 'info', 'generate'] as const,
      describe:
        'prepare: detect, align and cache every face; info: describe a data set and its prepared faces; generate: sample faces of people who do not exist, with their latents',
    })
    .positional('name', {
      type: 'string',
      describe:
        'for prepare and info: a manifest of datasets/, such as lfw, or your own (NAME.yaml); for info also a prepared folder',
    })
    .option('from', { type: 'string', describe: 'the pictures: a folder, a zip archive, Parquet files' })
    .option('out', {
      type: 'string',
      describe: 'folder of the faces [default: runs/data/NAME; generate: runs/data/generated]',
    })
    .option('size', {
      type: 'number',
      describe: 'side of the faces in pixels [default: 128; generate: 256, of 128, 256 and 1024]',
    })
    .option('identities', { type: 'string', describe: "folder of CelebA's identity files [default: --from's]" })
    .option('pairs', { type: 'string', describe: "info: LFW's pairs.txt, whose prepared pairs are counted" })
    .option('jobs', { type: 'number', default: 1, describe: 'number of parallel processes' })
    .option('count', { type: 'number', describe: 'generate: number of faces' })
    .option('seed', { type: 'number', default: 0, describe: 'generate: random seed' })
    .option('truncation', {
      type: 'number',
      default: 0.8,
      describe: 'generate: distance from the mean face, 0 to 1; lower values give less variety and fewer defects',
    })

interface Arguments {
  action: 'prepare' | 'info' | 'generate'
  name?: string
  from?: string
  out?: string
  size?: number
  identities?: string
  pairs?: string
  jobs: number
  count?: number
  seed: number
  truncation: number
  backend?: string
}

type Named = Arguments & { name: string }

export async function handler(options: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { UserError } = await import('../util/errors.ts')
  const { action, name } = options
  if (action === 'generate') {
    if (name !== undefined) throw new UserError(`'${name}' is one argument too many: dataset generate takes no name`)
    return generate(options)
  }
  if (name === undefined) throw new UserError(`expected the name of a data set: dataset ${action} NAME`)
  await (action === 'prepare' ? prepare({ ...options, name }) : info({ ...options, name }))
}

async function generate({ count, seed, size = 256, truncation, out = 'runs/data/generated', backend }: Arguments) {
  const { useBackend } = await import('../backend/index.ts')
  const { checkGenerate, generateFaces } = await import('../data/generate.ts')
  const { UserError } = await import('../util/errors.ts')
  const { loadGenerator } = await import('../faces/generator.ts')
  const { progress } = await import('../util/progress.ts')
  if (count === undefined) throw new UserError('expected --count, the number of faces to generate')
  const options = checkGenerate({ out, count, seed, size, truncation })
  await useBackend(backend)
  const generator = await loadGenerator()
  const bar = progress('generating', count)
  await generateFaces(generator, options, done => bar.update(done)).finally(() => bar.stop())
  console.log(`${out}: ${count} faces of ${size} x ${size}, and their latents`)
}

async function prepare({ name, from, out, size = 128, identities, jobs, backend }: Named) {
  const { join } = await import('node:path')
  const { useBackend } = await import('../backend/index.ts')
  const { UserError } = await import('../util/errors.ts')
  const { loadManifest } = await import('../data/manifest.ts')
  const { prepareDataset } = await import('../data/prepare.ts')
  const { preparePartTask } = await import('../data/prepare.ts')
  const { unknownPeople } = await import('../data/splits.ts')
  const { checkJobs, processPool } = await import('../jobs/process-pool.ts')
  const { progress } = await import('../util/progress.ts')
  if (!from) throw new UserError('expected --from, the folder, zip archive or Parquet files of the pictures')
  checkJobs(jobs)
  const manifest = await loadManifest(name)
  const folder = out ?? `runs/data/${manifest.name}`
  const settings = { from, out: folder, size, ...(identities && { identities }) }
  await useBackend(backend)
  console.log(`${manifest.title}: ${manifest.licence}`)
  const workers = async (onLooked: (pictures: number) => void) => {
    const pool = processPool({ processes: jobs, scratch: join(folder, 'preparing', 'jobs') })
    const looked = Array.from({ length: jobs }, () => 0)
    const parts = looked.map((_, part) => ({ manifest, options: settings, part, parts: jobs, backend }))
    const onProgress = (part: number, done: number) => {
      looked[part] = done
      onLooked(looked.reduce((a, b) => a + b, 0))
    }
    await pool.map(preparePartTask, parts, { id: part => `part-${part}`, onProgress }).finally(() => pool.close())
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

async function info({ name, out, pairs, backend }: Named) {
  const { existsSync } = await import('node:fs')
  const { join } = await import('node:path')
  const { useBackend } = await import('../backend/index.ts')
  const { loadManifest, manifestNames } = await import('../data/manifest.ts')
  const { pairsWithin, splitsOf, writeContactSheet } = await import('../data/info.ts')
  const { summaryOf } = await import('../data/prepare.ts')
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
