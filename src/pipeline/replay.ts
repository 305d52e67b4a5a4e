/** Makes the outputs of a recorded run again, from its record and its inputs, and compares them. */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { type BackendName, useBackend } from '../backend/index.ts'
import { loadModelConfig } from '../config/model.ts'
import { guidesOf, recipeSchema } from '../config/recipe.ts'
import { type AnyRecognizerName, loadRecognizer, recognizerNames } from '../faces/recognizers.ts'
import { readImage } from '../images/codec.node.ts'
import { type Decryption, encryptionFor, isEncrypting } from '../keys/age.ts'
import { processesToProtect } from '../plan/jobs.ts'
import { runDemo } from '../report/demo-run.ts'
import { openDemo, piecesOfFace } from '../report/demo-tools.ts'
import { faceFile } from '../sweep/folder.ts'
import { measurePoint } from '../sweep/measure.ts'
import { makeFolder, writeFileAtomic } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { oncePer } from '../util/memoize.ts'
import { joinUnlinked } from '../util/safe-path.ts'
import { sha256 } from '../weights/checksum.ts'
import { loadChecker } from './check-result.ts'
import { loadModel } from './model.ts'
import { modelChecksum } from './model-weights.ts'
import { recoveries } from './photo.ts'
import { exactnesses, protectFile } from './protect-file.ts'
import { fallbacks } from './protect-photo.ts'
import { readProtected, recoverFile } from './recover-file.ts'
import { pathIn, type RunRecord, recognizerWeights, type Software, softwareOf } from './run-record.ts'

/** What became of one output. */
export interface Replayed {
  /** As the record has it. */
  readonly path: string
  readonly identical: boolean
  /** How far pictures are apart, where both are there: the largest difference of a value, and the share that differs. */
  readonly difference?: { readonly largest: number; readonly share: number }
  /** The file in the run's folder is no longer the one that was recorded. */
  readonly changedSince: boolean
}

export interface ReplayResult {
  readonly outputs: readonly Replayed[]
  /** Of what decides the bits, as far as the record has it, what is other now: 'threads 1 then, 2 now'. */
  readonly otherwise: readonly string[]
}

export interface ReplayOptions {
  /** Where the outputs go that are made again. */
  readonly into: string
  /** Instead of the record's. */
  readonly backend?: string
  /** For keys that are encrypted: those that are read, and those that are written. */
  readonly decryption?: Decryption
}

/** What making a run again needs. */
interface Making extends ReplayOptions {
  readonly folder: string
  readonly record: RunRecord
  readonly backend: BackendName
}

/** How a command's outputs are made again, below `into` as they were below the run's folder; gives what computed them. */
const make: Readonly<Record<RunRecord['command'], (making: Making) => Promise<Software>>> = {
  anonymize: protectAgain,
  hide: protectAgain,
  recover: recoverAgain,
  demo: demonstrateAgain,
  point: measureAgain,
}

/**
 * Makes a run again and compares every output with what was recorded.
 * @param folder the run's
 * @throws UserError when an input is gone or another one, or the weights are others
 */
export async function replay(folder: string, record: RunRecord, options: ReplayOptions): Promise<ReplayResult> {
  for (const { path, sha256: expected } of record.inputs) {
    const input = pathIn(folder, path)
    if (!existsSync(input))
      throw new UserError(`expected the run's input at ${input}, found no file: put it back there`)
    if ((await sha256(input)) !== expected)
      throw new UserError(`${input} is not the file that the run was made from: put that one back there`)
  }
  // Before anything is made: a record is a file of somebody's.
  await placesIn(
    options.into,
    record.outputs.map(({ path }) => path),
    folder,
  )
  const backend = await useBackend(options.backend ?? record.software.backend)
  const software = await make[record.command]({ ...options, folder, record, backend })
  const outputs: Replayed[] = []
  for (const { path, sha256: expected } of record.outputs) {
    const [then] = (await placesIn(folder, [path], folder)) as [string]
    const [now] = (await placesIn(options.into, [path], folder)) as [string]
    const identical = existsSync(now) && (await sha256(now)) === expected
    const changedSince = !existsSync(then) || (await sha256(then)) !== expected
    const difference = identical || changedSince || !existsSync(now) ? undefined : await compare(then, now)
    outputs.push({ path, identical, changedSince, ...(difference && { difference }) })
  }
  return { outputs, otherwise: differences(record.software, software) }
}

/** Where outputs of the record in `folder` are below `root`. @throws UserError for one that would be elsewhere */
async function placesIn(root: string, outputs: readonly string[], folder: string): Promise<string[]> {
  return Promise.all(outputs.map(output => joinUnlinked(root, output, `the record of a run in ${folder}`)))
}

function differences(then: Software, now: Software): string[] {
  const names = Object.keys(then) as (keyof Software)[]
  return names
    .filter(name => then[name] !== now[name])
    .map(name => `${name} ${then[name]} then, ${now[name] ?? 'none'} now`)
}

/** How far two pictures are apart; undefined for what is none, and for pictures of two sizes. */
async function compare(a: string, b: string): Promise<Replayed['difference']> {
  const [p, q] = await Promise.all([a, b].map(path => readImage(path).catch(() => undefined)))
  if (!p || !q || p.width !== q.width || p.height !== q.height) return undefined
  let [largest, count] = [0, 0]
  for (const [i, value] of p.data.entries()) {
    const distance = Math.abs(value - q.data[i]!)
    if (distance > 0) count++
    largest = Math.max(largest, distance)
  }
  return { largest, share: count / p.data.length }
}

/**
 * Before any work is done with them.
 * @throws UserError when the weights now are not those of the record
 */
async function checkWeights(
  { weights }: RunRecord,
  model: string,
  recognizers: readonly AnyRecognizerName[] = [],
): Promise<void> {
  const config = await loadModelConfig(model)
  const found = { [config.name]: await modelChecksum(config), ...(await recognizerWeights(recognizers)) }
  for (const [name, sum] of Object.entries(found)) {
    const recorded = weights[name]
    if (recorded !== undefined && recorded !== sum)
      throw new UserError(
        `the run was made with weights ${recorded.slice(0, 12)}… of ${name}, found ${sum.slice(0, 12)}…: fetch or restore those weights`,
      )
  }
}

const paths = z.array(z.string())
const protectSettings = z.object({
  recipe: recipeSchema,
  fallback: z.enum(fallbacks).default('blur'),
  check: z.boolean().default(false),
  exact: z.enum(exactnesses).optional(),
  photos: z.array(z.object({ photo: z.string(), outputs: paths, secret: z.string().optional() })),
})

async function protectAgain({ folder, record, backend, into, decryption = {} }: Making): Promise<Software> {
  const { recipe, exact, photos, fallback, check } = settingsOf(record, protectSettings)
  const checker = check ? await loadChecker(recipe) : undefined
  const again: string[][] = []
  for (const { outputs } of photos) again.push(await placesIn(into, outputs, folder))
  // Encrypted keys are not recorded. Once encrypted, they are written in the clear nowhere.
  const encrypted = !record.outputs.some(({ path }) => path.endsWith('.dpkey'))
  const encryption = encrypted ? await encryptionFor(decryption) : undefined
  if (encryption && !isEncrypting(encryption))
    throw new UserError(
      'the keys of this run were encrypted: give what those made again are encrypted with: --passphrase-file or --identity',
    )
  await checkWeights(record, recipe.model, guidesOf(recipe))
  const model = await loadModel(recipe.model)
  const guides = await Promise.all(guidesOf(recipe).map(loadRecognizer))
  for (const [i, { photo, secret }] of photos.entries())
    await protectFile(model, guides, pathIn(folder, photo), again[i]!, recipe, {
      encryption,
      exact,
      secret,
      fallback,
      checker,
    })
  return softwareOf(backend)
}

const recoverSettings = z.object({
  model: z.string().optional(),
  recovery: z.enum(recoveries).default('generative'),
  allowEdited: z.boolean().optional(),
  pictures: z.array(z.object({ picture: z.string(), key: z.string(), output: z.string() })),
})

async function recoverAgain({ folder, record, backend, into, decryption = {} }: Making): Promise<Software> {
  const { model, recovery, allowEdited = false, pictures } = settingsOf(record, recoverSettings)
  const again = await placesIn(
    into,
    pictures.map(({ output }) => output),
    folder,
  )
  const load = oncePer(async (name: string) => {
    await checkWeights(record, name)
    return loadModel(name)
  })
  for (const [i, { picture, key }] of pictures.entries()) {
    const locked = await readProtected(pathIn(folder, picture), {
      key: pathIn(folder, key),
      allowEdited,
      ...decryption,
    })
    await recoverFile(name => load(model ?? name), locked, again[i]!, recovery)
  }
  return softwareOf(backend)
}

const demoSettings = z.object({
  recipes: z.object({ anonymize: recipeSchema, hide: recipeSchema }),
  photos: paths,
  count: z.int().nullable(),
})

async function demonstrateAgain({ folder, record, into, backend }: Making): Promise<Software> {
  const { recipes, photos, count } = settingsOf(record, demoSettings)
  await checkWeights(record, recipes.anonymize.model, recognizerNames)
  await makeFolder(into)
  const jobs = await processesToProtect(recipes.anonymize, backend, piecesOfFace * (count ?? photos.length))
  const tools = await openDemo(recipes, backend, jobs)
  try {
    await runDemo(tools, {
      photos: photos.map(photo => pathIn(folder, photo)),
      count: count ?? Number.POSITIVE_INFINITY,
      out: into,
    })
  } finally {
    await tools.close()
  }
  return softwareOf(backend, jobs)
}

const pointSettings = z.object({
  recipe: recipeSchema,
  faces: z.object({ sha256: z.string(), count: z.int(), seed: z.int() }),
  recovery: z.boolean(),
})

async function measureAgain({ folder, record, into, backend }: Making): Promise<Software> {
  const { recipe, faces, recovery } = settingsOf(record, pointSettings)
  await checkWeights(record, recipe.model, [...recognizerNames, ...guidesOf(recipe)])
  const [input] = record.inputs
  if (!input) throw new UserError(`expected the record of a point to name its faces, found no input in ${folder}`)
  const from = dirname(pathIn(folder, input.path))
  const scratch = join(into, '.unfinished')
  const remove = () => rm(scratch, { recursive: true, force: true })
  // Faces left there by a replay that was ended may be of another point or backend.
  await remove()
  const again = await measurePoint(
    { recipe, faces: { ...faces, from }, recovery },
    { scratch, here: { backend }, onProgress: () => {} },
  ).finally(remove)
  await makeFolder(join(into, 'faces'))
  for (const { id, pictures } of again.faces)
    for (const [i, picture] of pictures.entries())
      await writeFileAtomic(join(into, 'faces', faceFile(id, i)), Buffer.from(picture, 'base64'))
  return again.software
}

function settingsOf<S extends z.ZodType>({ command, settings, software }: RunRecord, schema: S): z.output<S> {
  const parsed = schema.safeParse(settings)
  if (parsed.success) return parsed.data
  const [problem] = parsed.error.issues
  throw new UserError(
    `the record of this ${command} is of version ${software.version}, whose settings this one does not know (${problem!.path.join('.')}: ${problem!.message}): replay it with that version`,
  )
}
