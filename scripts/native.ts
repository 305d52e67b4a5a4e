/**
 * `npm run native [-- --gpu]`: makes the `tensorflow` backend usable. Takes the C library out of a current TensorFlow
 * wheel, builds tfjs-node's binding against it, tries a matrix product, and only then puts both in place. A working
 * installation is left alone; an interrupted run leaves nothing but a folder that the next one removes.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quietPath } from '../src/backend/tensorflow.ts'
import { kernelsPath, supersededKernels } from '../src/backend/tensorflow-kernels.ts'
import { UserError } from '../src/util/errors.ts'

/** Raw TensorFlow through the binding at argv[1]: prints the version and whether a CUDA device is in use. */
const trialProgram = `
const b = require(process.argv[1])
const attr = (name, type, value) => ({ name, type: b['TF_ATTR_' + type], value })
const a = b.createTensor([2, 2], b.TF_FLOAT, new Float32Array([1, 2, 3, 4]))
const attrs = [attr('T', 'TYPE', b.TF_FLOAT), attr('transpose_a', 'BOOL', false), attr('transpose_b', 'BOOL', false)]
const [product] = b.executeOp('MatMul', attrs, [a, a], 1)
if (b.tensorDataSync(product.id).join() !== '7,10,15,22') throw new Error('a matrix product came out wrong')
console.log(JSON.stringify({ tensorflow: b.TF_Version, device: b.isUsingGpuDevice() }))
`

interface Trial {
  tensorflow: string
  /** Whether TensorFlow computed on a CUDA device. */
  device: boolean
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const store = join(root, '.native')
const tfjsNode = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'))
const bindingPath = join('lib', 'napi-v8', 'tfjs_binding.node')
const notePath = join(tfjsNode, 'lib', 'napi-v8', 'native.json')

function main(gpu: boolean): void {
  const present = tryBinding(join(tfjsNode, bindingPath))
  if (present && (!gpu || noted()?.gpu === true)) {
    if (!noted()) note({ tensorflow: present.tensorflow, gpu: false })
    if (addons.every(isCurrent)) {
      console.log(`The tensorflow backend already works: libtensorflow ${present.tensorflow}. Nothing to do.`)
      return
    }
    console.log(`The tensorflow backend works: libtensorflow ${present.tensorflow}.`)
    buildAddons()
    return
  }
  const tools = findTools()
  removeAbandoned()
  const staging = join(store, `staging-${process.pid}`)
  const clean = () => rmSync(staging, { recursive: true, force: true })
  process.on('exit', clean)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

  const name = gpu ? 'gpu' : 'cpu'
  const library = join(store, `tensorflow-${name}`)
  if (!existsSync(library)) fetchLibrary(tools, name, staging, library)
  const build = join(staging, 'build')
  buildBinding(tools, library, build)
  const trial = tryBinding(join(build, bindingPath))
  if (!trial) throw new UserError('the freshly built binding does not compute: see the message above')
  install(build, library, gpu, trial)
  buildAddons()
  console.log(`The tensorflow backend works: libtensorflow ${trial.tensorflow}.`)
  if (gpu && !trial.device)
    console.log(
      'TensorFlow found no CUDA device: it needs an NVIDIA driver and the CUDA and cuDNN libraries where the linker ' +
        'finds them (tensorflow.org/install/pip lists the versions). Until then it runs on the CPU.',
    )
}

interface Tools {
  python: string
  nodeGyp: string
}

/** What the build needs, or one line for each thing that is missing. */
function findTools(): Tools {
  const missing: string[] = []
  const works = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch))
    missing.push(
      `expected Linux on x64 or arm64, found ${process.platform} on ${process.arch}: use the wasm or webgpu backend`,
    )
  const python = ['python3', 'python'].find(p => works(p, '-c', 'import sys; assert sys.version_info >= (3, 8)'))
  if (!python) missing.push('expected Python 3.8 or newer, found none: install python3')
  else if (!works(python, '-m', 'pip', '--version'))
    missing.push('expected pip for Python 3, found none: install python3-pip')
  if (!works(process.env.CXX ?? 'c++', '--version'))
    missing.push('expected a C++ compiler, found none: install g++ or clang')
  if (!works('make', '--version')) missing.push('expected make, found none: install make')
  const nodeGyp = npmFolders()
    .map(npm => join(npm, 'node_modules/node-gyp/bin/node-gyp.js'))
    .find(existsSync)
  if (!nodeGyp) missing.push('expected the node-gyp that comes with npm, found none: install npm')
  if (missing.length > 0) throw new UserError(missing.join('\n'))
  return { python: python!, nodeGyp: nodeGyp! }
}

function npmFolders(): string[] {
  const prefix = join(dirname(process.execPath), '..')
  const folders = [join(prefix, 'lib/node_modules/npm'), '/usr/lib/node_modules/npm', '/usr/share/nodejs/npm']
  // npm_execpath is .../npm/bin/npm-cli.js when npm runs this script.
  return process.env.npm_execpath ? [join(dirname(process.env.npm_execpath), '..'), ...folders] : folders
}

/** Downloads the wheel with its checksum verified and keeps its headers and two libraries in `library`. */
function fetchLibrary({ python }: Tools, name: 'cpu' | 'gpu', staging: string, library: string): void {
  if (name === 'gpu' && process.arch !== 'x64')
    throw new UserError(
      `the TensorFlow wheel with CUDA is for x64, found ${process.arch}: run npm run native without --gpu`,
    )
  console.log(`Downloading TensorFlow (${name === 'gpu' ? 600 : 250} MB, checksum verified)…`)
  const wheels = join(staging, 'wheels')
  const platform = `manylinux_2_27_${process.arch === 'x64' ? 'x86_64' : 'aarch64'}`
  const requirements = join(root, `scripts/native-requirements-${name}.txt`)
  const target = ['--only-binary=:all:', '--platform', platform, '--python-version', '3.12', '--implementation', 'cp']
  run(
    python,
    ['-m', 'pip', 'download', '-q', '--no-deps', '--require-hashes', '-r', requirements, ...target, '-d', wheels],
    'the TensorFlow wheel could not be downloaded and verified: see the message above, and check the network',
  )
  console.log('Unpacking…')
  const unpacked = join(staging, 'unpacked')
  const unpack = `
import glob, sys, zipfile
with zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0]) as wheel:
    for name in wheel.namelist():
        if name.startswith(('tensorflow/include/', 'tensorflow/libtensorflow_cc.so', 'tensorflow/libtensorflow_framework.so')):
            wheel.extract(name, sys.argv[2])`
  run(python, ['-c', unpack, wheels, unpacked], 'the TensorFlow wheel could not be unpacked: is the disk full?')
  renameSync(join(unpacked, 'tensorflow'), library)
}

/** Builds the binding in `build`, a copy of the native half of tfjs-node. */
function buildBinding({ nodeGyp }: Tools, library: string, build: string): void {
  console.log('Building the binding…')
  mkdirSync(build, { recursive: true })
  for (const part of ['binding', 'binding.gyp', 'package.json'])
    cpSync(join(tfjsNode, part), join(build, part), { recursive: true })
  link(build, library)
  const headers = join(dirname(process.execPath), '..')
  const atHand = existsSync(join(headers, 'include/node/node_api.h')) ? [`--nodedir=${headers}`] : []
  const options = ['--module_name=tfjs_binding', '--module_path=lib/napi-v8', '--napi_build_version=8', ...atHand]
  const { status, stderr } = spawnSync(process.execPath, [nodeGyp, 'rebuild', '--loglevel=error', ...options], {
    cwd: build,
    encoding: 'utf8',
  })
  const built = join(build, 'build/Release/tfjs_binding.node')
  if (status !== 0 || !existsSync(built)) {
    console.error(stderr)
    throw new UserError("tfjs-node's binding could not be built: the compiler's message is above")
  }
  mkdirSync(dirname(join(build, bindingPath)), { recursive: true })
  cpSync(built, join(build, bindingPath))
}

const addonsFolder = join(root, 'native')
const isHeader = (file: string) => file.endsWith('.h') && file !== 'wasm-call.h'

/** An addon of our own, compiled for this processor and put beside the binding. */
interface Addon {
  readonly source: string
  /** Whether a file of native/ is read when the source is compiled. */
  readonly reads: (file: string) => boolean
  /** Where it goes, within tfjs-node. */
  readonly path: string
  readonly options: readonly string[]
  /** What it is like without it. */
  readonly without: string
}

const deps = join(tfjsNode, 'deps')

const addons: readonly Addon[] = [
  {
    source: 'tensorflow.cc',
    reads: isHeader,
    path: kernelsPath,
    options: [
      ...['-O3', '-march=native', '-fopenmp'],
      // Sums may be made in any order, as vector instructions make them; infinities and NaN stay what they are.
      ...['-fno-math-errno', '-fassociative-math', '-fno-signed-zeros', '-fno-trapping-math'],
      ...['-freciprocal-math', '-ffp-contract=fast'],
      ...[
        `-I${join(deps, 'include')}`,
        join(deps, 'lib/libtensorflow_framework.so.2'),
        `-Wl,-rpath,${join(deps, 'lib')}`,
      ],
    ],
    without: 'the tensorflow backend works without the fused kernels, more slowly',
  },
  {
    source: 'quiet.cc',
    reads: () => false,
    path: quietPath,
    options: ['-O2'],
    without: 'TensorFlow will say on standard error that it starts',
  },
]

/** Whether the compiled addon is there and not older than what it is made of. */
function isCurrent({ source, reads, path }: Addon): boolean {
  const compiled = join(tfjsNode, path)
  if (!existsSync(compiled)) return false
  const { mtimeMs } = statSync(compiled)
  return readdirSync(addonsFolder)
    .filter(file => file === source || reads(file))
    .every(file => mtimeMs >= statSync(join(addonsFolder, file)).mtimeMs)
}

/** Compiles our own addons. The backend works without them: where one does not compile, that is said and no more. */
function buildAddons(): void {
  console.log('Compiling the fused kernels…')
  for (const { source, path, options, without } of addons) {
    const target = join(tfjsNode, path)
    const temporary = `${target}.${process.pid}`
    const { status, stderr } = spawnSync(
      process.env.CXX ?? 'c++',
      ['-std=c++17', '-shared', '-fPIC', join(addonsFolder, source), '-o', temporary, ...options],
      { encoding: 'utf8' },
    )
    if (status === 0) renameSync(temporary, target)
    else console.error(`${stderr}\nnative/${source} does not compile: ${without}.`)
  }
}

/** Removes the kernels of earlier versions of this project. A process that computes with them keeps them until it ends. */
function removeSuperseded(): void {
  const folder = dirname(join(tfjsNode, kernelsPath))
  for (const file of supersededKernels(readdirSync(folder))) rmSync(join(folder, file), { force: true })
}

/** Makes `folder`/deps point at the library, under the names that tfjs-node links against; replaces atomically. */
function link(folder: string, library: string): void {
  const names = {
    include: 'include',
    'lib/libtensorflow.so': 'libtensorflow_cc.so.2',
    'lib/libtensorflow_cc.so.2': 'libtensorflow_cc.so.2',
    'lib/libtensorflow_framework.so': 'libtensorflow_framework.so.2',
    'lib/libtensorflow_framework.so.2': 'libtensorflow_framework.so.2',
  }
  for (const [name, target] of Object.entries(names)) {
    const at = join(folder, 'deps', name)
    mkdirSync(dirname(at), { recursive: true })
    // A folder, as tfjs-node's own installer leaves one, cannot be replaced by renaming.
    if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory()) rmSync(at, { recursive: true })
    const temporary = `${at}.${process.pid}`
    symlinkSync(relative(dirname(at), join(library, target)), temporary)
    renameSync(temporary, at)
  }
}

/** The binding last: until it is there, the backend counts as absent. */
function install(build: string, library: string, gpu: boolean, { tensorflow }: Trial): void {
  link(tfjsNode, library)
  const binding = join(tfjsNode, bindingPath)
  mkdirSync(dirname(binding), { recursive: true })
  note({ tensorflow, gpu })
  cpSync(join(build, bindingPath), `${binding}.${process.pid}`)
  renameSync(`${binding}.${process.pid}`, binding)
}

/** Runs a matrix product through the binding in a process of its own, since a bad library can end the process. */
function tryBinding(binding: string): Trial | undefined {
  if (!existsSync(binding)) return undefined
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' }
  const { status, stdout } = spawnSync(process.execPath, ['-e', trialProgram, binding], { env, encoding: 'utf8' })
  return status === 0 ? JSON.parse(stdout) : undefined
}

function note(build: { tensorflow: string; gpu: boolean }): void {
  writeFileSync(`${notePath}.${process.pid}`, `${JSON.stringify(build)}\n`)
  renameSync(`${notePath}.${process.pid}`, notePath)
}

function noted(): { gpu: boolean } | undefined {
  return existsSync(notePath) ? createRequire(import.meta.url)(notePath) : undefined
}

/** Removes what interrupted runs left: folders named after processes that are gone. */
function removeAbandoned(): void {
  mkdirSync(store, { recursive: true })
  for (const name of readdirSync(store)) {
    const pid = Number(name.match(/^staging-(\d+)$/)?.[1])
    if (pid && !isAlive(pid)) rmSync(join(store, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function run(command: string, args: string[], failure: string): void {
  if (spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0) throw new UserError(failure)
}

try {
  const unknown = process.argv.slice(2).find(argument => argument !== '--gpu')
  if (unknown) throw new UserError(`npm run native knows the option --gpu, found '${unknown}': leave it out`)
  main(process.argv.includes('--gpu'))
  removeSuperseded()
} catch (error) {
  if (!(error instanceof UserError)) throw error
  console.error(error.message)
  process.exitCode = 2
}
