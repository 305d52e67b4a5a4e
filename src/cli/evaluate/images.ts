import type { ArgumentsCamelCase, Argv } from 'yargs'
import type { AnyRecognizerName } from '../../faces/recognizers.ts'
import { type ComparingArguments, comparingOptions, openComparing } from './comparing.ts'

export const command = 'images <protocol>'

export const describe = 'measure folders of protected or recovered pictures against their originals, whoever made them'

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
      describe:
        'folder of the protected ones, by the same names or as `anonymize` and `hide` name them; once for each sample',
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
      describe: 'identities and method [default: manifest.json beside the first folder, if it exists]',
    })
    .option('recognizer', {
      type: 'string',
      array: true,
      describe: 'a recognizer that compares faces [default: those whose weights come with the project]',
    })
    .option('guide', {
      type: 'string',
      array: true,
      describe:
        'a recognizer that was followed while making them, or a network of an energy (landmarks, expression, age-gender, iris): ' +
        'a white box [default: as the manifest says]',
    })
    .option('aligned', { type: 'boolean', describe: 'the originals are aligned faces [default: as the manifest says]' })
    .option('attacks', { type: 'boolean', default: false, describe: 'train attackers on the protected pictures, too' })
    .option('lfw-pairs', { type: 'string', describe: "LFW's pairs.txt, to measure its standard protocol" })
    .option('thresholds', {
      choices: ['calibrated', 'originals'] as const,
      default: 'calibrated' as const,
      describe:
        "recognizers' thresholds: those of `evaluate thresholds`, or from pairs of the originals where these suffice",
    })
    .option('targets', {
      type: 'string',
      describe: 'targets for the pictures [default: configs/targets/PROTOCOL.yaml, if it exists]',
    })
    .option('targets-only', {
      type: 'boolean',
      default: false,
      describe: 'measure nothing but what the targets are about',
    })
    .option('name', { type: 'string', describe: "name in tables [default: the manifest's method, or the folder]" })
    .option('out', {
      type: 'string',
      default: 'runs/evaluate/images',
      describe: 'where report.html, table.md, metrics.json, pictures.csv, targets.md and targets.json go',
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
  targets?: string
  targetsOnly: boolean
  lfwPairs?: string
  thresholds: 'calibrated' | 'originals'
  name?: string
  out: string
  backend?: string
}

export async function handler(options: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { existsSync } = await import('node:fs')
  const { basename, dirname, join, resolve } = await import('node:path')
  const { writeFileAtomic, writeJsonAtomic } = await import('../../util/atomic-write.ts')
  const { UserError } = await import('../../util/errors.ts')
  const { manifestFile, readManifest } = await import('../../eval/manifest.ts')
  const { variantsOf } = await import('../../eval/variants.ts')
  const { protocol, originals, out } = options

  const versions = variantsOf(protocol, options)
  const folder = versions[0]!.folders[0]!
  const beside = join(dirname(resolve(folder)), manifestFile)
  const manifestPath = options.manifest ?? (existsSync(beside) ? beside : undefined)
  const manifest = manifestPath === undefined ? undefined : await readManifest(manifestPath)

  const { useBackend } = await import('../../backend/index.ts')
  const { readLfwPairs } = await import('../../data/lfw-pairs.ts')
  const { evaluate } = await import('../../eval/evaluation.ts')
  const { provenance } = await import('../../eval/provenance.ts')
  const { writeEvaluation } = await import('../../report/evaluation-report.ts')
  const { guidingNetworks } = await import('../../eval/metric.ts')
  const { loadTargets, targetLines, targetsMarkdown, targetsOf } = await import('../../eval/targets.ts')
  const { loadThresholds } = await import('../../faces/recognizers.ts')
  const { recognizerNetworks } = await import('../../faces/recognizers.ts')
  const { progress } = await import('../../util/progress.ts')
  const known = Object.keys(recognizerNetworks) as AnyRecognizerName[]
  const followed = [...known, ...guidingNetworks] as string[]
  for (const [names, what, possible] of [
    [options.guide ?? [], 'a recognizer or network', followed],
    [options.recognizer ?? [], 'a recognizer', known as string[]],
  ] as const)
    for (const name of names)
      if (!possible.includes(name))
        throw new UserError(`expected ${what} out of ${possible.join(', ')}, found '${name}': choose one of these`)
  const targetsPath = options.targets ?? targetsOf(protocol)
  if (options.targetsOnly && targetsPath === undefined)
    throw new UserError(
      `expected --targets FILE for --targets-only: there is none for '${protocol}' in configs/targets`,
    )
  const targets = targetsPath === undefined ? undefined : await loadTargets(targetsPath)
  const shown = targets && new Set(targets.targets.map(({ definition }) => definition))
  const comparing = await openComparing(options)

  const backend = await useBackend(options.backend)
  const method = options.name ?? manifest?.method ?? basename(resolve(folder))
  // What chose among the pictures is no evidence about them, as what guided them is none.
  const { checkedBy } = await import('../../pipeline/photo-record.ts')
  const checkers = new Set((await Promise.all(versions.flatMap(({ folders }) => folders).map(checkedBy))).flat())
  for (const name of checkers)
    process.stderr.write(`${name} checked these pictures when they were made, and counts as one that guided them\n`)
  const guides = [...new Set([...(options.guide ?? manifest?.guides ?? []), ...checkers])]
  const bar = progress('measuring', 1)
  const evaluation = await evaluate({
    method,
    originals,
    versions,
    manifest,
    guides: checkers.size > 0 ? guides : options.guide,
    recognizers: options.recognizer as AnyRecognizerName[] | undefined,
    aligned: options.aligned,
    calibration: options.thresholds === 'calibrated' ? await loadThresholds() : {},
    attacks: options.attacks,
    ...(shown && { also: shown }),
    ...(shown && options.targetsOnly && { definitions: shown }),
    ...comparing,
    lfwPairs: options.lfwPairs === undefined ? undefined : await readLfwPairs(options.lfwPairs),
    onProgress: (done, total, what) => bar.update(done, what, total),
  }).finally(() => bar.stop())
  const from = { title: `Evaluation of ${method}`, ...(await provenance(backend)), originals }
  const table = await writeEvaluation([evaluation], from, out)
  const { pictureTable } = await import('../../eval/per-picture.ts')
  await writeFileAtomic(join(out, 'pictures.csv'), pictureTable(evaluation.each ?? []))
  const files = ['report.html', 'table.md', 'metrics.json', 'pictures.csv']
  if (targets) {
    const lines = targetLines(targets, evaluation, versions[0]!.name)
    const page = targetsMarkdown(targets.title, lines, evaluation)
    await writeFileAtomic(join(out, 'targets.md'), page)
    await writeJsonAtomic(join(out, 'targets.json'), { ...from, title: targets.title, method, lines })
    files.unshift('targets.md', 'targets.json')
    console.log(page)
  }
  if (!options.targetsOnly) console.log(table)
  console.log(`${out}: ${files.join(', ')}`)
}
