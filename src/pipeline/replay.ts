/** Makes the outputs of a recorded run again, from its record and its inputs, and compares them. */
import { existsSync } from 'node:fs'
import type { z } from 'zod'
import { type BackendName, useBackend } from '../backend/index.ts'
import { loadModelConfig } from '../config/model.ts'
import type { AnyRecognizerName } from '../faces/recognizers.ts'
import { readImage } from '../images/codec.ts'
import type { Decryption } from '../keys/age.ts'
import { UserError } from '../util/errors.ts'
import { joinUnlinked } from '../util/safe-path.ts'
import { sha256 } from '../weights/checksum.ts'
import { modelChecksum } from './model-weights.ts'
import { pathIn, type RunRecord, recognizerWeights, type Software } from './run-record.ts'

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
export interface Making extends ReplayOptions {
  readonly folder: string
  readonly record: RunRecord
  readonly backend: BackendName
}

/** How a command's outputs are made again, below `into` as they were below the run's folder; gives what computed them. */
export type Remake = (making: Making) => Promise<Software>

/**
 * Makes a run again and compares every output with what was recorded.
 * @param folder the run's
 * @param remake how each command's outputs are made
 * @throws UserError when an input is gone or another one, or the weights are others
 */
export async function replay(
  folder: string,
  record: RunRecord,
  remake: Readonly<Record<RunRecord['command'], Remake>>,
  options: ReplayOptions,
): Promise<ReplayResult> {
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
  const software = await remake[record.command]({ ...options, folder, record, backend })
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
export async function placesIn(root: string, outputs: readonly string[], folder: string): Promise<string[]> {
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
export async function checkWeights(
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

/** A record's settings by a command's schema. @throws UserError for those that this version does not know */
export function settingsOf<S extends z.ZodType>({ command, settings, software }: RunRecord, schema: S): z.output<S> {
  const parsed = schema.safeParse(settings)
  if (parsed.success) return parsed.data
  const [problem] = parsed.error.issues
  throw new UserError(
    `the record of this ${command} is of version ${software.version}, whose settings this one does not know (${problem!.path.join('.')}: ${problem!.message}): replay it with that version`,
  )
}
