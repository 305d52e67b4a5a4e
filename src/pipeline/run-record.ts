/**
 * run.json: all that it takes to make a run's outputs again and to say whether they are the same: what was asked, with
 * everything resolved, the weights, the software, and what the inputs and outputs hash to.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { isDeepStrictEqual, promisify } from 'node:util'
import * as tf from '@tensorflow/tfjs'
import { z } from 'zod'
import packageJson from '../../package.json' with { type: 'json' }
import { type BackendName, backendVersion, fusedKernelsPath } from '../backend/index.ts'
import { type AnyRecognizerName, recognizerChecksum } from '../faces/recognizers.ts'
import { threadsOn } from '../jobs/cores.ts'
import { type Decryption, decrypt, type Encryption, encrypt, isEncrypting } from '../keys/age.ts'
import { writeFileAtomic } from '../util/atomic-write.ts'
import type { PendingFile } from '../util/commit-files.ts'
import { processorName, withoutSecrets } from '../util/environment.ts'
import { UserError } from '../util/errors.ts'
import { withLock } from '../util/lock.ts'
import { once } from '../util/memoize.ts'
import { repositoryPath } from '../util/paths.ts'
import { mostText, readRegular, readRegularText } from '../util/regular-file.ts'
import { sha256 } from '../weights/checksum.ts'

const recordFile = 'run.json'

const sum = z.string().regex(/^[0-9a-f]{64}$/)
const fileSchema = z.strictObject({
  path: z.string().describe('relative to the folder of run.json'),
  sha256: sum,
})

const softwareSchema = z.strictObject({
  version: z.string().describe('of this package'),
  commit: z
    .string()
    .optional()
    .describe("of its repository, where it runs from one; with '-dirty' when files differ from it"),
  node: z.string(),
  tfjs: z.string(),
  backend: z.string(),
  backendVersion: z.string(),
  platform: z.string(),
  processor: z.string().optional().describe('its name: libraries compute by the instructions that it has'),
  fusedKernels: z
    .string()
    .optional()
    .describe("'none', or the first 12 digits of the SHA-256 of the compiled kernels of our own that computed"),
  threads: z.int().optional().describe('of each process: they divide sums into parts; none where a device computes'),
})

const recordSchema = z.strictObject({
  format: z.literal(1),
  command: z.enum(['anonymize', 'hide', 'recover', 'demo', 'point']),
  settings: z.record(z.string(), z.unknown()).describe('what the command was asked, every default resolved'),
  weights: z.record(z.string(), sum).describe('of the model and the recognizers that had a part, by name'),
  software: softwareSchema,
  inputs: z.array(fileSchema),
  outputs: z.array(fileSchema),
})

export type RunRecord = z.output<typeof recordSchema>
export type FileSum = z.output<typeof fileSchema>
export type Software = z.output<typeof softwareSchema>

const folderSchema = z.strictObject({ runs: z.array(recordSchema) })

/**
 * What computes now: all that decides the bits of what comes out. The commands that are recorded compute in float32.
 * @param processes how many of them do so side by side
 */
export async function softwareOf(backend: BackendName, processes = 1): Promise<Software> {
  const kernels = fusedKernelsPath(backend)
  const threads = threadsOn(backend, processes)
  return {
    version: packageJson.version,
    ...(await commit()),
    node: process.versions.node,
    tfjs: tf.version['tfjs-core'] ?? '',
    backend,
    backendVersion: await backendVersion(backend),
    platform: `${process.platform} ${process.arch}`,
    processor: processorName(),
    fusedKernels: kernels === undefined ? 'none' : (await sha256(kernels)).slice(0, 12),
    ...(threads !== undefined && { threads }),
  }
}

/** Asked once: what is loaded stays what it was when the repository moves on. */
const commit = once(async (): Promise<{ commit?: string }> => {
  const root = repositoryPath()
  // The folders are named, or git would take those of a project that this one is installed in.
  const here = [`--git-dir=${join(root, '.git')}`, `--work-tree=${root}`, '--no-optional-locks']
  const describe = [...here, 'describe', '--always', '--dirty', '--abbrev=12', '--exclude=*']
  const { stdout } = await promisify(execFile)('git', describe, { env: withoutSecrets(process.env) }).catch(() => ({
    stdout: '',
  }))
  return stdout.trim() === '' ? {} : { commit: stdout.trim() }
})

/** SHA-256 of the weights of recognizers by name. */
export async function recognizerWeights(names: readonly AnyRecognizerName[]): Promise<Record<string, string>> {
  return Object.fromEntries(await Promise.all(names.map(async name => [name, await recognizerChecksum(name)] as const)))
}

/** Where a file is from a run's folder, so that both can be moved together; with '/' on every system. */
export function pathFrom(folder: string, path: string): string {
  return relative(resolve(folder), resolve(path)).replaceAll(sep, '/')
}

/** Where a file of a record is. */
export function pathIn(folder: string, path: string): string {
  return isAbsolute(path) ? path : join(folder, path)
}

/** @throws UserError when a file cannot be read */
export async function fileSums(folder: string, paths: readonly string[]): Promise<FileSum[]> {
  const sums: FileSum[] = []
  for (const path of paths) sums.push({ path: pathFrom(folder, path), sha256: await sha256(path) })
  return sums
}

/**
 * Adds a run to the record of its folder. Of earlier runs there only what this one has not written over is kept; a record
 * that cannot be read, as one of another version, is kept as run.json.old. Readable to its owner alone: it names the
 * originals, and their hashes would prove whose a protected photo is. Encrypted, each run is a file of its own, as nobody
 * here may be able to read the earlier ones.
 */
export async function recordRun(folder: string, run: RunRecord, encryption: Encryption = {}): Promise<void> {
  await recordLocked(folder, async () => {
    const { path, data, mode } = await recordWith(folder, [run], encryption)
    await writeFileAtomic(path, data, { mode })
  })
}

/** Lets one process at a time change the record of a folder. */
export async function recordLocked<T>(folder: string, work: () => Promise<T>): Promise<T> {
  return withLock(join(folder, `.${recordFile}.lock`), `recording a run in ${folder}`, work, { wait: 60_000 })
}

/**
 * The file that the record of a folder becomes with further runs, to be written while the record is locked.
 * @param replaces runs of the record that these take the place of
 * @param encryptedPath of the encrypted file to be replaced; a further one by default
 */
export async function recordWith(
  folder: string,
  runs: readonly RunRecord[],
  encryption: Encryption,
  replaces: readonly RunRecord[] = [],
  encryptedPath?: string,
): Promise<PendingFile & { mode: number }> {
  const text = (runs: readonly RunRecord[]) => `${JSON.stringify({ runs }, null, 2)}\n`
  if (isEncrypting(encryption)) {
    const data = await encrypt(Buffer.from(text(runs)), encryption)
    const path = encryptedPath ?? join(folder, encryptedFile((await encryptedRecords(folder)).length + 1))
    return { path, data, mode: 0o600 }
  }
  const asRead = replaces.map(run => JSON.parse(JSON.stringify(run)))
  const earlier = (await runsBefore(folder)).filter(run => !asRead.some(other => isDeepStrictEqual(run, other)))
  return { path: join(folder, recordFile), data: text(standing([...earlier, ...runs])), mode: 0o600 }
}

/** Runs with the outputs that no later one has written over; those that have none left are dropped. */
function standing(runs: readonly RunRecord[]): RunRecord[] {
  const written = new Set<string>()
  const kept = runs.toReversed().map(run => {
    const outputs = run.outputs.filter(({ path }) => !written.has(path))
    for (const { path } of outputs) written.add(path)
    return { ...run, outputs }
  })
  return kept.toReversed().filter(({ outputs }) => outputs.length > 0)
}

/** run-1.json.age, run-2.json.age and so on. */
const encryptedFile = (number: number) => `run-${number}.json.age`

async function encryptedRecords(folder: string): Promise<string[]> {
  const names: string[] = []
  while (existsSync(join(folder, encryptedFile(names.length + 1)))) names.push(encryptedFile(names.length + 1))
  return names
}

async function runsBefore(folder: string): Promise<RunRecord[]> {
  const path = join(folder, recordFile)
  if (!existsSync(path)) return []
  return clearRuns(folder).catch(async () => {
    await rename(path, `${path}.old`)
    return []
  })
}

/** A run whose inputs and outputs are files on this machine. */
export async function recordFiles(
  folder: string,
  {
    inputs,
    outputs,
    ...run
  }: Omit<RunRecord, 'format' | 'inputs' | 'outputs'> & {
    readonly inputs: readonly string[]
    readonly outputs: readonly string[]
  },
  encryption?: Encryption,
): Promise<void> {
  const files = { inputs: await fileSums(folder, inputs), outputs: await fileSums(folder, outputs) }
  await recordRun(folder, { format: 1, ...run, ...files }, encryption)
}

/**
 * The runs that a folder holds, in the order in which they were made, those in the clear before those that are encrypted.
 * @throws UserError when there is no record, or it is none, or cannot be decrypted
 */
export async function readRuns(folder: string, decryption: Decryption = {}): Promise<RunRecord[]> {
  const encrypted = await encryptedRecords(folder)
  const runs: RunRecord[] = []
  if (encrypted.length === 0 || existsSync(join(folder, recordFile))) runs.push(...(await clearRuns(folder)))
  for (const name of encrypted) {
    const path = join(folder, name)
    runs.push(
      ...parseRuns(Buffer.from(await decrypt(await readRegular(path, mostText()), path, decryption)).toString(), path),
    )
  }
  return standing(runs)
}

async function clearRuns(folder: string): Promise<RunRecord[]> {
  const path = join(folder, recordFile)
  const text = await readRegularText(path).catch(() => {
    throw new UserError(`expected ${recordFile} in ${folder}, found none: name the folder of a run made with --record`)
  })
  return parseRuns(text, path)
}

function parseRuns(text: string, path: string): RunRecord[] {
  try {
    return folderSchema.parse(JSON.parse(text)).runs
  } catch {
    throw new UserError(`${path}: expected the record of a run, found something else: make the run again`)
  }
}
