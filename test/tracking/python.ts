/** Finds Python programs to test against, or installs them into a folder of their own under .cache/. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cache = fileURLToPath(new URL('../../.cache/', import.meta.url))

/** The versions that are installed where there is none; any that is there is taken. */
const requirements = { tensorboard: ['tensorboard==2.21.0', 'setuptools<81'], mlflow: ['mlflow==3.17.2'] }

export type Program = keyof typeof requirements

/** The Python that has `program`, or undefined, said why, where it cannot be had. */
export async function pythonWith(program: Program): Promise<string | undefined> {
  const own = `${cache}${program}`
  const inOwn = `${own}/bin/python`
  for (const python of ['python3', 'python', inOwn]) if (await has(python, program)) return python
  const half = `${own}.${process.pid}`
  try {
    await mkdir(cache, { recursive: true })
    await run('python3', ['-m', 'venv', half])
    await run(`${half}/bin/python`, ['-m', 'pip', 'install', '-q', ...requirements[program]], { timeout: 500_000 })
    // Scripts of a moved environment do not run, its python does.
    if (!existsSync(own)) await rename(half, own)
    return inOwn
  } catch (error) {
    console.warn(
      `not tested against ${program}: it could not be installed (${(error as Error).message.split('\n')[0]})`,
    )
    return undefined
  } finally {
    await rm(half, { recursive: true, force: true })
  }
}

const has = (python: string, module: string) =>
  run(python, ['-c', `import importlib.util, sys; sys.exit(importlib.util.find_spec('${module}') is None)`]).then(
    () => true,
    () => false,
  )

export interface Server {
  readonly url: string
  stop(): Promise<void>
}

/**
 * Starts a program that serves HTTP, and waits until it answers.
 * @param url where it will be; otherwise what it prints says so
 */
export async function serve(command: string, args: string[], url?: string): Promise<Server> {
  // A group of its own: such servers have workers, which would outlive them.
  const env = { ...process.env, MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false' }
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env })
  const end = () => endGroup(child)
  process.once('exit', end)
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (printed += chunk))
  for (let waited = 0; waited < 300_000; waited += 200) {
    const place = url ?? /http:\/\/[\w.]+:\d+\//.exec(printed)?.[0]
    if (
      place &&
      (await fetch(place).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      return {
        url: place.replace(/\/$/, ''),
        stop: async () => {
          process.off('exit', end)
          if (child.exitCode !== null) return
          const closed = new Promise(resolve => child.once('close', resolve))
          end()
          await closed
        },
      }
    }
    if (child.exitCode !== null) break
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  end()
  throw new Error(`${command} ${args.join(' ')} does not serve:\n${printed}`)
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {} // It has ended already.
}
