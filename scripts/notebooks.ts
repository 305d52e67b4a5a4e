/**
 * `npm run notebooks [-- NAME...]`: executes the notebooks of notebooks/ without a browser. Jupyter is taken from the path or
 * else put into a Python environment under .cache/, and tslab, their TypeScript kernel, beside it: neither is a dependency
 * of the project. Ends with 1 when a notebook fails, and with 3, saying why, when they cannot be executed here.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const notebooks = join(root, 'notebooks')
const cache = join(root, '.cache', 'notebooks')
const tslabVersion = '1.0.22'
const jupyterPackages = ['nbconvert==7.17.2', 'jupyter_client==8.10.0']
/** Of one cell, in seconds. */
const patience = 1200

class CannotRun extends Error {}

/** A command's output; throws with the end of what it complained when it fails. */
function run(command: string, args: readonly string[], options: { cwd?: string } = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', ...options })
  if (error || status !== 0)
    throw new CannotRun(`${command} ${args[0]}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`)
  return stdout
}

/** The command that is Jupyter, with its first arguments. */
function jupyter(): string[] {
  const works = (command: string[]) =>
    spawnSync(command[0]!, [...command.slice(1), 'nbconvert', '--version'], { stdio: 'ignore' }).status === 0
  if (works(['jupyter'])) return ['jupyter']
  const venv = join(cache, 'venv')
  const programs = join(venv, process.platform === 'win32' ? 'Scripts' : 'bin')
  const own = [join(programs, 'jupyter')]
  if (!works(own)) {
    run('python3', ['-m', 'venv', venv])
    run(join(programs, 'python'), ['-m', 'pip', 'install', '--quiet', ...jupyterPackages])
  }
  if (works(own)) return own
  throw new CannotRun(`Jupyter was installed into ${venv} and does not start`)
}

/** Installs the kernel where it is not yet, and says to Jupyter how it is started: with the loader of TypeScript modules. */
function kernel(): void {
  const folder = join(cache, 'node_modules', 'tslab')
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true })
    writeFileSync(join(cache, 'package.json'), '{ "private": true }\n')
    run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', `tslab@${tslabVersion}`], {
      cwd: cache,
    })
  }
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const specification = {
    argv: [
      process.execPath,
      '--import',
      loader,
      join(folder, 'bin', 'tslab'),
      'kernel',
      '--config-path',
      '{connection_file}',
    ],
    display_name: 'TypeScript',
    language: 'typescript',
  }
  const place = join(cache, 'share', 'jupyter', 'kernels', 'tslab')
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'kernel.json'), JSON.stringify(specification, null, 2))
}

function execute(command: readonly string[], name: string): boolean {
  const started = Date.now()
  const args = ['nbconvert', '--to', 'notebook', '--execute', `--ExecutePreprocessor.timeout=${patience}`]
  const { status, stderr } = spawnSync(
    command[0]!,
    [...command.slice(1), ...args, '--output-dir', join(cache, 'out'), join(notebooks, name)],
    { encoding: 'utf8', env: { ...process.env, JUPYTER_PATH: join(cache, 'share', 'jupyter') } },
  )
  const seconds = ((Date.now() - started) / 1000).toFixed(0)
  console.log(
    status === 0 ? `${name}: executed in ${seconds} s` : `${name}: FAILED after ${seconds} s\n${stderr.trim()}`,
  )
  return status === 0
}

const asked = process.argv.slice(2)
const all = readdirSync(notebooks).filter(name => name.endsWith('.ipynb'))
const chosen = asked.length > 0 ? all.filter(name => asked.some(part => name.startsWith(part))) : all
try {
  const command = jupyter()
  kernel()
  const passed = chosen.map(name => execute(command, name))
  console.log(`the executed notebooks are in ${join(cache, 'out')}`)
  process.exitCode = passed.every(Boolean) ? 0 : 1
} catch (error) {
  if (!(error instanceof CannotRun)) throw error
  console.log(`the notebooks cannot be executed here: ${error.message}`)
  process.exitCode = 3
}
