import type { ArgumentsCamelCase, Argv } from 'yargs'
import type { SweepPoint } from '../sweep/run.ts'
import { checkWhole } from './options.ts'

export const command = 'sweep <config>'

export const builder = (yargs: Argv) =>
  yargs
    .positional('config', {
      type: 'string',
      demandOption: true,
      describe: 'a sweep config, such as configs/sweeps/guidance-lfw.yaml',
    })
    .option('faces', { type: 'string', describe: "a prepared store of faces [default: the config's]" })
    .option('count', { type: 'number', describe: "faces per point [default: the config's]" })
    .option('set', { type: 'string', array: true, default: [], describe: 'key=value, overrides the config' })
    .option('out', { type: 'string', describe: 'folder of the points and the report [default: runs/sweeps/NAME]' })
    .option('jobs', { type: 'number', default: 1, describe: 'worker processes on this machine' })
    .option('queue', { type: 'string', describe: "redis://HOST:PORT: sends the work to that queue's workers" })
    .option('ahead', { type: 'number', default: 64, describe: 'points in the queue at once' })
    .option('track', {
      type: 'string',
      array: true,
      default: [],
      describe: 'also log the sweep and its points to tensorboard[=FOLDER] or mlflow[=http://HOST:PORT]',
    })
    .option('retry', { type: 'boolean', default: false, describe: 'measure failed points again' })

interface Arguments {
  config: string
  faces?: string
  count?: number
  set: string[]
  out?: string
  jobs: number
  queue?: string
  ahead: number
  retry: boolean
  track: string[]
  backend?: string
}

export async function handler(args: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { basename, extname, join } = await import('node:path')
  const { rm } = await import('node:fs/promises')
  const { loadSweep } = await import('../config/sweep.ts')
  const { interruptible } = await import('./options.ts')
  const { makeFolder } = await import('../util/atomic-write.ts')
  const { openPool } = await import('./options.ts')
  const { chooseBackend } = await import('../backend/index.ts')
  const { refuseRecipes } = await import('../plan/protect.ts')
  const { progress } = await import('../util/progress.ts')
  const { checkSweep, runSweep } = await import('../sweep/run.ts')
  const { mostPoints } = await import('../sweep/search.ts')
  const { watchSweep } = await import('../sweep/watch.ts')
  const { writeReport } = await import('../report/sweep-files.ts')

  const { config: path, faces, count, backend, ahead, retry } = args
  checkWhole({ ahead })
  const overrides = [
    ...(faces === undefined ? [] : [`faces.from=${JSON.stringify(faces)}`]),
    ...(count === undefined ? [] : [`faces.count=${count}`]),
  ]
  const config = await loadSweep(path, [...overrides, ...args.set])
  // A dotted key of the recipe, not a path through the sweep.
  if (backend !== undefined) config.set = { ...config.set, backend }
  const recipes = await checkSweep(config)
  // The workers of a queue have their own memory.
  if (args.queue === undefined) await refuseRecipes(recipes, await chooseBackend(recipes[0]?.backend), args.jobs)
  const out = args.out ?? join('runs', 'sweeps', basename(path, extname(path)))
  await makeFolder(out)
  const scratch = join(out, '.unfinished')
  const pool = await openPool(args, { out, slots: ahead, scratch })
  const most = mostPoints(config)
  const bar = progress('points', most)
  const { signal, stop } = interruptible()
  const end = async () => {
    bar.stop()
    stop()
    await pool.close()
  }
  const watch = await watchSweep(config, out, args.track, text => bar.note(text)).catch(async error => {
    await end()
    throw error
  })
  const onChange = (points: readonly SweepPoint[], note: string) => {
    watch.tell(points)
    bar.update(points.filter(({ outcome }) => outcome).length, note, Math.max(most, points.length))
  }
  const swept = async () => {
    const points = await runSweep(config, pool, { out, retry, signal, onChange }).finally(end)
    const isDone = points.some(({ outcome }) => outcome?.state === 'done')
    return { points, files: isDone ? await writeReport(config, points, out) : [] }
  }
  const { points, files } = await swept().catch(async error => {
    await watch.finish('failed', [])
    throw error
  })
  watch.tell(points)
  await watch.finish(signal.aborted ? 'interrupted' : 'finished', files)

  const finished = points.filter(({ outcome }) => outcome)
  const failed = points.filter(({ outcome }) => outcome?.state === 'failed')
  for (const { number, outcome } of failed)
    if (outcome?.state === 'failed') process.stderr.write(`point ${number} failed: ${outcome.error.split('\n')[0]}\n`)
  for (const file of files) console.log(file)
  if (signal.aborted) {
    process.stderr.write(`stopped with ${finished.length} points finished: the same command resumes\n`)
    process.exitCode = 130
    return
  }
  await rm(scratch, { recursive: true, force: true })
  if (failed.length > 0) {
    process.stderr.write(`${failed.length} of ${points.length} points failed: --retry measures them again\n`)
    process.exitCode = 2
  }
}
