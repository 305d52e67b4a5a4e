/** Runs a sweep: proposes points, has them measured wherever the pool does it, and writes what comes back. */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { guidesOf, type Recipe, recipeSchema } from '../config/recipe.ts'
import type { SweepConfig } from '../config/sweep.ts'
import { FaceStore, readIndex } from '../data/face-store.ts'
import { chooseFaces } from '../eval/pairs.ts'
import { recognizerNames } from '../faces/recognizers.ts'
import { writeImage } from '../images/codec.ts'
import { JobError, type Jobs, JobsClosed, serializeError } from '../jobs/jobs.ts'
import { checkWeights, type Making, settingsOf } from '../pipeline/replay.ts'
import { pathIn, type Software } from '../pipeline/run-record.ts'
import { makeFolder, writeFileAtomic, writeJsonAtomic } from '../util/atomic-write.ts'
import { nearestHint, UserError } from '../util/errors.ts'
import { withLock } from '../util/lock.ts'
import {
  addPoint,
  faceFile,
  type NumberedPoint,
  type Outcome,
  readOutcome,
  readPoints,
  writeFailure,
  writePoint,
} from './folder.ts'
import { measureNames, measurePoint, measurePointTask } from './measure.ts'
import { type Measure, type PointTask, pointId } from './point.ts'
import type { Trial } from './search.ts'
import { faceCounts, searchOf } from './search.ts'
import { checkAxes, recipeOf, type Settings } from './space.ts'

/** A point and its result; nothing yet of one that is under way. */
export interface SweepPoint extends NumberedPoint {
  readonly outcome?: Outcome
}

export interface RunOptions {
  readonly out: string
  /** Measures failed points again. */
  readonly retry?: boolean
  /** Ends the sweep where it is; the next one goes on. */
  readonly signal?: AbortSignal
  /** Told whenever a point begins, gets on or ends. */
  readonly onChange?: (points: readonly SweepPoint[], note: string) => void
}

/** What a measure is called that a sweep asks for, and the way in which it is better. */
export function aimOf(aim: SweepConfig['privacy']): { name: string; better: 'lower' | 'higher' } {
  return 'lower' in aim ? { name: aim.lower, better: 'lower' } : { name: aim.higher, better: 'higher' }
}

/**
 * Checks all of a sweep that can be checked before anything runs.
 * @returns recipes of its points, with every choice on each axis among them
 * @throws UserError that says what is wrong
 */
export async function checkSweep(config: SweepConfig): Promise<Recipe[]> {
  const recipes = await checkAxes(config)
  const known = measureNames(config.recovery)
  const asked = [aimOf(config.privacy).name, aimOf(config.utility).name, ...config.measures]
  for (const name of [...asked, ...Object.keys(config.objective ?? {})])
    if (!known.includes(name))
      throw new UserError(`'${name}' is no measure${nearestHint(name, known)}: a sweep measures ${known.join(', ')}`)
  return recipes
}

/**
 * Measures every point that the search proposes and that is not finished in `out` yet.
 * @returns the points of this sweep by number, those of an earlier one with other recipes left out
 * @throws UserError for a mistake in the sweep or its faces, or when it is under way in another process
 */
export async function runSweep(config: SweepConfig, jobs: Jobs, options: RunOptions): Promise<SweepPoint[]> {
  const { out } = options
  return withLock(join(out, '.lock'), `the sweep in ${out}`, () => sweepAlone(config, jobs, options))
}

async function sweepAlone(config: SweepConfig, jobs: Jobs, options: RunOptions): Promise<SweepPoint[]> {
  const { out, retry = false, signal, onChange = () => {} } = options
  const { sha256 } = await readIndex(config.faces.from)
  await makeFolder(join(out, 'points'))
  await writeJsonAtomic(join(out, 'sweep.json'), config)
  await writeOriginals(config, out)
  const taskOf = async (settings: Settings, count: number): Promise<PointTask> => ({
    recipe: await recipeOf(config, settings),
    faces: { ...config.faces, sha256, count },
    recovery: config.recovery,
  })

  const { points, last } = await resume(config, out, taskOf, retry)
  const propose = searchOf(config)
  const running = new Map<number, Promise<void>>()
  let number = last
  let failure: unknown

  const measure = async (at: number) => {
    const point = points[at]!
    const task = await taskOf(point.settings, point.count)
    const note = (done: number, total: number) =>
      onChange(points, `point ${point.number}: face ${done + 1} of ${total}`)
    const result = await jobs.run(measurePointTask, task, { id: point.id, onProgress: note }).catch(failureOf)
    if (typeof result === 'string') await writeFailure(out, point, result)
    else await writePoint(out, point, task, result)
    points[at] = { ...point, outcome: await readOutcome(out, point) }
    onChange(points, '')
  }
  const start = (at: number) => {
    const work = measure(at)
      .catch(error => {
        if (!(error instanceof JobsClosed)) failure ??= error
      })
      .finally(() => running.delete(at))
    running.set(at, work)
  }

  const stop = () => void jobs.close()
  signal?.addEventListener('abort', stop)
  try {
    // Points that were under way when the sweep was interrupted come first.
    const pending = points.flatMap(({ outcome }, at) => (outcome ? [] : [at]))
    while (!signal?.aborted && !failure) {
      const next = running.size >= jobs.slots ? 'wait' : (pending.shift() ?? propose(trialsOf(points, config)))
      if (next === 'done' && running.size === 0) break
      if (next === 'done' || next === 'wait') {
        if (running.size === 0) break
        await Promise.race(running.values())
      } else if (typeof next === 'number') start(next)
      else {
        const point = { number: ++number, id: await pointId(await taskOf(next.settings, next.count)), ...next }
        await addPoint(out, point)
        points.push(point)
        start(points.length - 1)
      }
    }
    await Promise.all(running.values())
  } finally {
    signal?.removeEventListener('abort', stop)
  }
  if (failure) throw failure
  return points
}

/** Why a job failed, with the stack of what nobody expected. @throws any other error */
function failureOf(error: unknown): string {
  if (error instanceof UserError) return error.message
  if (error instanceof JobError) return serializeError(error)
  throw error
}

/** The points that `out` knows of this sweep: those whose settings still mean the same recipe and faces. */
async function resume(
  config: SweepConfig,
  out: string,
  taskOf: (settings: Settings, count: number) => Promise<PointTask>,
  retry: boolean,
): Promise<{ points: SweepPoint[]; last: number }> {
  const known = await readPoints(out)
  const axes = Object.keys(config.axes)
  const counts = faceCounts(config)
  const points: SweepPoint[] = []
  for (const point of known) {
    if (!counts.includes(point.count)) continue
    if (Object.keys(point.settings).length !== axes.length || !axes.every(name => name in point.settings)) continue
    const id = await taskOf(point.settings, point.count)
      .then(pointId)
      .catch(() => undefined)
    if (id !== point.id) continue
    const outcome = await readOutcome(out, point)
    points.push(outcome && !(retry && outcome.state === 'failed') ? { ...point, outcome } : point)
  }
  return { points, last: Math.max(0, ...known.map(({ number }) => number)) }
}

/** The points as a search sees them. */
function trialsOf(points: readonly SweepPoint[], { objective }: SweepConfig): Trial[] {
  return points.map(({ settings, count, outcome }) => {
    if (outcome?.state !== 'done') return { settings, count, state: outcome ? 'failed' : 'running' }
    return { settings, count, state: 'done', ...(objective && { value: weighted(objective, outcome.measures) }) }
  })
}

/** The weighted sum of measures: what halving and TPE lower. */
function weighted(objective: Readonly<Record<string, number>>, measures: readonly Measure[]): number {
  const of = (name: string) => measures.find(measure => measure.name === name)?.value ?? Number.POSITIVE_INFINITY
  return Object.entries(objective).reduce((sum, [name, weight]) => sum + weight * of(name), 0)
}

/** Writes the faces themselves, for the report. */
async function writeOriginals({ faces }: SweepConfig, out: string): Promise<void> {
  const store = await FaceStore.open(faces.from)
  try {
    await makeFolder(join(out, 'originals'))
    for (const index of chooseFaces(store.entries, faces.count, faces.seed)) {
      const path = join(out, 'originals', faceFile(store.entries[index]!.id))
      if (!existsSync(path))
        await writeImage(path, { width: store.size, height: store.size, data: await store.bytes([index]) })
    }
  } finally {
    await store.close()
  }
}

// Makes a recorded point of a sweep again.

const pointSettings = z.object({
  recipe: recipeSchema,
  faces: z.object({ sha256: z.string(), count: z.int(), seed: z.int() }),
  recovery: z.boolean(),
})

export async function measureAgain({ folder, record, into, backend }: Making): Promise<Software> {
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
    { scratch, environment: { backend }, onProgress: () => {} },
  ).finally(remove)
  await makeFolder(join(into, 'faces'))
  for (const { id, pictures } of again.faces)
    for (const [i, picture] of pictures.entries())
      await writeFileAtomic(join(into, 'faces', faceFile(id, i)), Buffer.from(picture, 'base64'))
  return again.software
}
