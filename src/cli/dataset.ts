import type { ArgumentsCamelCase, Argv } from 'yargs'

export const command = 'dataset <action> <name>'

export const builder = (yargs: Argv) =>
  yargs
    .positional('action', { choices: ['prepare'] as const, describe: 'find, align and cache every face for training' })
    .positional('name', {
      type: 'string',
      demandOption: true,
      describe: 'a manifest of datasets/, such as lfw',
    })
    .option('from', { type: 'string', demandOption: true, describe: 'the folder of photos' })
    .option('out', { type: 'string', describe: 'where the faces go [default: runs/data/NAME]' })
    .option('size', { type: 'number', default: 128, describe: 'side of the aligned faces in pixels' })

interface Arguments {
  name: string
  from: string
  out?: string
  size: number
  backend?: string
}

export async function handler({ name, from, out = `runs/data/${name}`, size, backend }: ArgumentsCamelCase<Arguments>) {
  const { useBackend } = await import('../backend/index.ts')
  const { loadManifest } = await import('../data/manifest.ts')
  const { prepareDataset } = await import('../data/prepare.ts')
  const { progress } = await import('../progress.ts')
  const manifest = await loadManifest(name)
  console.log(`${manifest.title}: ${manifest.licence}`)
  await useBackend(backend)
  const bar = progress('preparing', 1)
  const { written, dropped } = await prepareDataset(manifest, {
    from,
    out,
    size,
    onProgress: (done, total) => bar.update(done, undefined, total),
  })
  bar.stop()
  const counts = Object.entries(written).map(([split, count]) => `${count} ${split}`)
  console.log(`${out}: ${counts.join(', ')} faces; ${dropped.length} photos dropped (why: ${out}/summary.json)`)
}
