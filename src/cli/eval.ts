import type { ArgumentsCamelCase, Argv } from 'yargs'
import type { AnyRecognizerName } from '../faces/recognizers.ts'
import { type ComparingArguments, comparingOptions, openComparing } from './comparing.ts'

export const command = 'eval <protocol>'

const protocols = ['anonymize', 'hide', 'recover'] as const

export const builder = (yargs: Argv) =>
  comparingOptions(yargs)
    .positional('protocol', {
      choices: protocols,
      demandOption: true,
      describe: 'what the pictures are for: with --recovered, recovery is measured too',
    })
    .option('originals', { type: 'string', demandOption: true, describe: 'folder of the original pictures' })
    .option('protected', {
      type: 'string',
      array: true,
      default: [],
      describe: 'folder of the protected ones by the same names, once for each sample',
    })
    .option('recovered', { type: 'string', describe: 'folder of the pictures recovered with the right key' })
    .option('control', {
      type: 'string',
      array: true,
      default: [],
      describe: 'NAME=DIR: pictures that must not be the person, as those recovered with a wrong key',
    })
    .option('guessed', { type: 'string', describe: 'folder of pictures recovered with keys that an attacker guessed' })
    .option('manifest', {
      type: 'string',
      describe: 'who is who and how it was made [default: manifest.json beside the first folder, if there]',
    })
    .option('recognizer', {
      type: 'string',
      array: true,
      describe: 'a recognizer that compares faces [default: those whose weights come with the project]',
    })
    .option('guide', {
      type: 'string',
      array: true,
      describe: 'a recognizer that was followed while making them: a white box [default: as the manifest says]',
    })
    .option('aligned', { type: 'boolean', describe: 'the originals are aligned faces [default: as the manifest says]' })
    .option('attacks', { type: 'boolean', default: false, describe: 'train attackers on the protected pictures, too' })
    .option('lfw-pairs', { type: 'string', describe: "LFW's pairs.txt, to measure its standard protocol" })
    .option('thresholds', {
      choices: ['calibrated', 'originals'] as const,
      default: 'calibrated' as const,
      describe: "recognizers' thresholds: those of `calibrate`, or from pairs of the originals where these suffice",
    })
    .option('name', { type: 'string', describe: "what tables call it [default: the manifest's method, or the folder]" })
    .option('out', {
      type: 'string',
      default: 'runs/eval',
      describe: 'where metrics.json, table.md and report.html go',
    })

interface Arguments extends ComparingArguments {
  protocol: (typeof protocols)[number]
  originals: string
  protected: string[]
  recovered?: string
  control: string[]
  guessed?: string
  manifest?: string
  recognizer?: string[]
  guide?: string[]
  aligned?: boolean
  attacks: boolean
  lfwPairs?: string
  thresholds: 'calibrated' | 'originals'
  name?: string
  out: string
  backend?: string
}

export async function handler(options: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { existsSync } = await import('node:fs')
  const { basename, dirname, join, resolve } = await import('node:path')
  const { UserError } = await import('../errors.ts')
  const { manifestFile, readManifest } = await import('../eval/manifest.ts')
  const { versionsOf } = await import('../eval/versions.ts')
  const { protocol, originals, out } = options

  const versions = versionsOf(protocol, options)
  const folder = versions[0]!.folders[0]!
  const beside = join(dirname(resolve(folder)), manifestFile)
  const manifestPath = options.manifest ?? (existsSync(beside) ? beside : undefined)
  const manifest = manifestPath === undefined ? undefined : await readManifest(manifestPath)

  const { useBackend } = await import('../backend/index.ts')
  const { readLfwPairs } = await import('../data/lfw-pairs.ts')
  const { evaluate } = await import('../eval/evaluation.ts')
  const { circumstances } = await import('../eval/provenance.ts')
  const { writeEvaluation } = await import('../report/evaluation-files.ts')
  const { loadThresholds } = await import('../eval/thresholds.ts')
  const { recognizerNetworks } = await import('../faces/recognizers.ts')
  const { progress } = await import('../progress.ts')
  const known = Object.keys(recognizerNetworks) as AnyRecognizerName[]
  for (const name of [...(options.guide ?? []), ...(options.recognizer ?? [])])
    if (!(known as string[]).includes(name))
      throw new UserError(`expected a recognizer out of ${known.join(', ')}, found '${name}': choose one of these`)
  const comparing = await openComparing(options)

  const backend = await useBackend(options.backend)
  const method = options.name ?? manifest?.method ?? basename(resolve(folder))
  const bar = progress('measuring', 1)
  const evaluation = await evaluate({
    method,
    originals,
    versions,
    manifest,
    guides: options.guide,
    recognizers: options.recognizer as AnyRecognizerName[] | undefined,
    aligned: options.aligned,
    calibration: options.thresholds === 'calibrated' ? await loadThresholds() : {},
    attacks: options.attacks,
    ...comparing,
    lfwPairs: options.lfwPairs === undefined ? undefined : await readLfwPairs(options.lfwPairs),
    onProgress: (done, total, what) => bar.update(done, what, total),
  }).finally(() => bar.stop())
  const from = { title: `Evaluation of ${method}`, ...(await circumstances(backend)), originals }
  console.log(await writeEvaluation([evaluation], from, out))
  console.log(`${out}: report.html, table.md, metrics.json`)
}
