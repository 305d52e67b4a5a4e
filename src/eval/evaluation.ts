/** Runs a protocol: opens the folders, computes what its metrics need, and gathers what they find. */

import { EvalSet, type EvalSetOptions, type VariantKind } from './eval-set.ts'
import { type FeatureCache, withFeatures } from './features/cache.ts'
import { computeFeatures } from './features/compute.ts'
import { intervalDefinition } from './intervals.ts'
import type { Group, Histogram, RocPlot, Score } from './metric.ts'
import type { Definition } from './metrics/definition.ts'
import { type PictureNumbers, perPicture, type Ranked, rankFaces } from './per-picture.ts'
import { metricsOf, type ProtocolOptions } from './protocols.ts'

export interface EvaluationOptions extends EvalSetOptions, ProtocolOptions {
  /** What made the pictures, as tables call it. */
  readonly method: string
  /** Folder of the features that are kept. */
  readonly cache: string
  /** Told of the rows of each feature that are not kept yet, and then of the metrics. */
  readonly onProgress?: (done: number, total: number, what: string) => void
}

/** A value, the group of its metric and the method that it is of. */
export type Row = Score & { readonly group: Group; readonly method: string }

export interface PlotOf {
  readonly method: string
  readonly version: string
  readonly plot: Histogram | RocPlot
}

/** What measuring took: wall-clock seconds, and megabytes of memory that this process held. */
export interface Effort {
  readonly seconds: number
  readonly memory: {
    /**
     * When a tenth of the features of a kind was there and when all were, of pictures, of faces and of pairs; each kind loads
     * networks of its own. A kind that was kept from before is not here.
     */
    readonly features: Readonly<Record<string, { readonly atTenth: number; readonly atEnd: number }>>
    /** The most, also by what the process did before. */
    readonly most: number
  }
}

/** All that was found of one method. */
export interface Evaluation {
  readonly method: string
  readonly versions: readonly { readonly name: string; readonly kind: VariantKind; readonly samples: number }[]
  readonly pictures: number
  readonly people: number
  readonly recognizers: readonly string[]
  readonly guides: readonly string[]
  readonly originals: string
  /** How the pictures were made, as the manifest says. */
  readonly made?: unknown
  readonly measuring?: Effort
  readonly values: readonly Row[]
  readonly definitions: readonly Definition[]
  readonly plots: readonly PlotOf[]
  readonly notes: readonly string[]
  /** For the face grid. */
  readonly ranked: readonly Ranked[]
  /** The numbers of each picture of the first version. */
  readonly each?: readonly PictureNumbers[]
}

/** @throws UserError as `EvalSet.open`, or when another process is measuring with the same features */
export async function evaluate(options: EvaluationOptions): Promise<Evaluation> {
  return withFeatures(options.cache, cache => evaluateWith(cache, options))
}

/** As `evaluate`, with features that are open already. */
export async function evaluateWith(
  cache: FeatureCache,
  options: Omit<EvaluationOptions, 'cache'>,
): Promise<Evaluation> {
  const { method, onProgress = () => {} } = options
  const started = performance.now()
  const evalSet = await EvalSet.open(options, cache)
  const metrics = [...evalSet.versions.values()].flatMap(({ name, kind }) =>
    metricsOf(kind, options).map(metric => ({ metric, version: name })),
  )
  const memory: Record<string, { atTenth: number; atEnd: number }> = {}
  await computeFeatures(
    evalSet,
    metrics.flatMap(({ metric, version }) => metric.needs(evalSet).map(feature => ({ feature, version }))),
    (done, total, what) => {
      const now = megabytes(process.memoryUsage.rss())
      if (10 * done >= total) memory[what] = { atTenth: memory[what]?.atTenth ?? now, atEnd: now }
      onProgress(done, total, what)
    },
  )
  const values: Row[] = []
  const plots: PlotOf[] = []
  const notes = new Set(notesOf(evalSet))
  const definitions = new Map([[intervalDefinition.id, intervalDefinition]])
  for (const [i, { metric, version }] of metrics.entries()) {
    onProgress(i, metrics.length, metric.name)
    const finding = await metric.run(evalSet, version)
    for (const definition of metric.definitions) definitions.set(definition.id, definition)
    values.push(...finding.values.map(value => ({ method, group: metric.group, ...value })))
    plots.push(...(finding.plots ?? []).map(plot => ({ method, version, plot })))
    for (const note of finding.notes ?? []) notes.add(`${method}: ${note}`)
  }
  return {
    method,
    versions: [...evalSet.versions.values()].map(({ name, kind, samples }) => ({
      name,
      kind,
      samples: samples.length,
    })),
    pictures: evalSet.cases.length,
    people: new Set(evalSet.cases.map(({ identity }) => identity)).size,
    recognizers: evalSet.recognizers,
    guides: [...evalSet.guides],
    originals: options.originals,
    ...(options.manifest?.made !== undefined && { made: options.manifest.made }),
    values,
    definitions: [...definitions.values()],
    plots,
    notes: [...notes],
    ranked: await rankFaces(evalSet),
    each: await perPicture(evalSet, [...evalSet.versions.keys()][0]!),
    measuring: {
      seconds: Math.round(performance.now() - started) / 1000,
      memory: { features: memory, most: megabytes(1024 * process.resourceUsage().maxRSS) },
    },
  }
}

const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20)

function notesOf(evalSet: EvalSet): string[] {
  const faceless = evalSet.cases.filter((_, i) => !evalSet.placesOf('original')[i]).map(({ name }) => name)
  return [
    ...(evalSet.identitiesKnown ? [] : ['Nothing says who is who: each picture counts as a person of its own.']),
    ...(faceless.length > 0
      ? [
          `No face was found in ${faceless.length} originals, which count in no metric of faces: ${faceless.slice(0, 8).join(', ')}`,
        ]
      : []),
    ...(evalSet.manifest?.recoveryReads === 'key'
      ? ['Recovery reads the key alone: its numbers are those without the protected picture.']
      : []),
  ]
}
