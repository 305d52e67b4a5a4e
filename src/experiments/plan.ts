/** Which pictures tables need, and where they are, so that what several tables show is made once. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { loadModelConfig } from '../config/model.ts'
import { guidesOf } from '../config/recipe.ts'
import type { MethodConfig } from '../config/suite.ts'
import type { TableConfig } from '../config/table.ts'
import { type FaceIndex, readIndex } from '../data/face-store.ts'
import { methodOf } from '../eval/methods/index.ts'
import { chooseFaces } from '../eval/pairs.ts'
import { recognizerChecksum } from '../faces/recognizers.ts'
import { weightFiles } from '../pipeline/model-weights.ts'
import { UserError } from '../util/errors.ts'
import { repositoryPath } from '../util/paths.ts'
import { weightsPath } from '../weights/cache.ts'
import { locateWeights } from '../weights/locate.ts'

export interface PlanOptions {
  /** Prepared stores of the same pictures, one for each size of faces that models take. */
  readonly faces: readonly string[]
  /** People, and the seed that chooses them. */
  readonly count: number
  readonly seed: number
  /** Pictures made by another backend are other pictures. */
  readonly backend: string
  /** Folder of all pictures. */
  readonly out: string
}

/** Faces of a store, and the folder of all that is made of them. */
export interface ChosenFaces {
  readonly store: string
  readonly indices: readonly number[]
  readonly out: string
}

/** A method of a table. */
export interface PlannedMethod {
  /** As the table calls it. */
  readonly label: string
  /** Its versions that have a row. */
  readonly rows: readonly string[]
  /** What makes its pictures, called like the folder of them; or why it cannot be run. */
  readonly work: { readonly config: MethodConfig; readonly faces: ChosenFaces } | { readonly why: string }
}

export interface PlannedTable {
  readonly table: TableConfig
  readonly methods: readonly PlannedMethod[]
}

/**
 * Plans tables. The folder of a method's pictures is called by a hash of its whole recipe, the weights and the backend, in
 * one called by a hash of the faces; there each method makes all versions that any of the tables shows.
 * @throws UserError when there are fewer people than asked for, or a table is not as it should be
 */
export async function planTables(tables: readonly TableConfig[], options: PlanOptions): Promise<PlannedTable[]> {
  const stores = await Promise.all(options.faces.map(async folder => ({ folder, index: await readIndex(folder) })))
  const planned: PlannedTable[] = []
  for (const table of tables) {
    const methods: PlannedMethod[] = []
    for (const config of table.methods) methods.push(await planMethod(config, table, stores, options))
    planned.push({ table, methods })
  }
  return withAllVersions(planned)
}

interface Store {
  readonly folder: string
  readonly index: FaceIndex
}

async function planMethod(
  config: MethodConfig,
  table: TableConfig,
  stores: readonly Store[],
  options: PlanOptions,
): Promise<PlannedMethod> {
  const { name: label, versions } = methodOf(config)
  const rows = versions.map(({ name }) => name)
  const size = 'recipe' in config ? (await loadModelConfig(config.recipe.model)).imageSize : stores[0]!.index.size
  const store = stores.find(({ index }) => index.size === size)
  const missing = await absentWeights(config)
  if (!store)
    missing.push(
      `faces of ${size} x ${size} are needed: prepare them with --size ${size}, and name them with --faces too`,
    )
  if (!store || missing.length > 0) return { label, rows, work: { why: missing.join('; ') } }
  const faces = chosen(store, table.photos, options)
  return { label, rows, work: { config: await inFolder(config, table, options.backend), faces } }
}

function chosen({ folder, index }: Store, photos: number, { count, seed, out }: PlanOptions): ChosenFaces {
  const indices = chooseFaces(index.entries, count, seed, photos)
  const key = hash({ sha256: index.sha256, indices })
  return { store: folder, indices, out: join(out, `${index.size}-${indices.length}-${key}`) }
}

/** The method under the name of its folder, with the versions that its rows or the table's columns show. */
async function inFolder(config: MethodConfig, table: TableConfig, backend: string): Promise<MethodConfig> {
  if (!('recipe' in config)) return config
  const { versions: _, ...whole } = config
  const rows = methodOf(config).versions.map(({ name }) => name)
  const key = hash({ settings: await methodOf(config).settings(), backend })
  return shown({ ...whole, name: `${config.method}-${key}` }, table, rows)
}

/** The method with no other versions than those of rows, and those that the table's columns name. */
export function shown(config: MethodConfig, { columns }: TableConfig, rows: readonly string[]): MethodConfig {
  if (!('recipe' in config)) return config
  const wanted = new Set([...rows, ...columns.map(({ version }) => version)])
  return { ...config, versions: methodOf(config).versions.flatMap(({ name }) => (wanted.has(name) ? [name] : [])) }
}

/** A method that several tables show makes the versions of all of them at once. */
function withAllVersions(planned: readonly PlannedTable[]): PlannedTable[] {
  const all = new Map<string, Set<string>>()
  const versionsOf = (config: MethodConfig, faces: ChosenFaces): Set<string> => {
    const place = join(faces.out, methodOf(config).name)
    const versions = all.get(place) ?? new Set<string>()
    all.set(place, versions)
    return versions
  }
  const works = planned.flatMap(({ methods }) => methods.flatMap(({ work }) => ('config' in work ? [work] : [])))
  for (const { config, faces } of works)
    for (const { name } of methodOf(config).versions) versionsOf(config, faces).add(name)
  const whole = (work: PlannedMethod['work']): PlannedMethod['work'] =>
    'config' in work && 'recipe' in work.config
      ? { ...work, config: { ...work.config, versions: [...versionsOf(work.config, work.faces)] } }
      : work
  return planned.map(({ table, methods }) => ({
    table,
    methods: methods.map(method => ({ ...method, work: whole(method.work) })),
  }))
}

/** What of a method's weights is not on this machine, in words. */
async function absentWeights(config: MethodConfig): Promise<string[]> {
  if (!('recipe' in config)) return []
  const { recipe, method } = config
  const model = await loadModelConfig(recipe.model)
  const needed: Promise<unknown>[] = [weightFiles(model)]
  if ('weights' in model.features) needed.push(locateWeights(model.features.weights))
  if (method !== 'recover') {
    needed.push(...guidesOf(recipe).map(recognizerChecksum))
    if (recipe.keep.below > 0 && recipe.keep.mask === 'parsing') needed.push(weightsPath('bisenet'))
  }
  const reasons: string[] = []
  for (const found of await Promise.allSettled(needed)) {
    if (found.status === 'fulfilled') continue
    if (!(found.reason instanceof UserError)) throw found.reason
    // A table is read on other machines, too.
    reasons.push(found.reason.message.replaceAll(repositoryPath(), ''))
  }
  return reasons
}

const hash = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12)
