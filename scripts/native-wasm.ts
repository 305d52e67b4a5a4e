/**
 * `npm run native:wasm`: compiles the fused kernels of the wasm backend to native/kernels.wasm, which is kept with the sources:
 * only who changes native/ runs this. The compiler is Zig's clang, fetched by pip with its checksum verified.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { wasmKernelsPath } from '../src/backend/wasm.ts'
import { writeFileAtomic } from '../src/util/atomic-write.ts'
import { UserError } from '../src/util/errors.ts'
import { customSection, sourcesChecksum, sourcesSection } from './kernel-sources.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const store = join(root, '.native')
const sources = join(root, 'native')

// Sums may be made in any order, as vector instructions make them; infinities and NaN stay what they are.
const arithmetic = ['-fno-math-errno', '-fassociative-math', '-fno-signed-zeros', '-fno-trapping-math']
const compile = [
  ...['c++', '-target', 'wasm32-wasi', '-std=c++17', '-O3', '-msimd128', '-mrelaxed-simd', '-mbulk-memory'],
  ...['-fPIC', '-fvisibility=hidden', '-fno-exceptions', '-fno-rtti', ...arithmetic, '-freciprocal-math'],
  '-ffp-contract=fast',
]
// A program that is put into another's memory, as tfjs's is: what it lacks, it imports.
const link = [
  ...['wasm-ld', '--experimental-pic', '-shared', '--strip-all', '--no-entry', '--import-memory'],
  '--unresolved-symbols=import-dynamic',
]

async function main(): Promise<void> {
  const zig = fetchCompiler()
  const staging = join(store, `staging-${process.pid}`)
  mkdirSync(staging, { recursive: true })
  try {
    const [object, program] = [join(staging, 'kernels.o'), join(staging, 'kernels.wasm')]
    run(zig, [...compile, '-c', join(sources, 'wasm.cc'), '-o', object])
    run(zig, [...link, object, '-o', program])
    const section = customSection(sourcesSection, sourcesChecksum(root))
    await writeFileAtomic(wasmKernelsPath, Buffer.concat([readFileSync(program), section]))
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
  console.log(wasmKernelsPath)
}

/** What runs the compiler, fetched when it is not there. */
function fetchCompiler(): string[] {
  const folder = join(store, 'zig')
  if (!existsSync(join(folder, 'ziglang'))) {
    console.log('Fetching the compiler (80 MB, checksum verified)…')
    const requirements = join(root, 'scripts/native-requirements-wasm.txt')
    run(['python3', '-m', 'pip'], ['install', '-q', '--require-hashes', '-r', requirements, '--target', folder])
  }
  return ['env', `PYTHONPATH=${folder}`, 'python3', '-m', 'ziglang']
}

/** @throws UserError when the command fails, whose message is then above */
function run([command, ...first]: string[], args: readonly string[]): void {
  const { status } = spawnSync(command!, [...first, ...args], { stdio: 'inherit' })
  if (status !== 0)
    throw new UserError(
      `${[command, ...first, args[0]].join(' ')} failed: see the message above; it wants Linux and pip`,
    )
}

main().catch(error => {
  if (!(error instanceof UserError)) throw error
  console.error(error.message)
  process.exitCode = 2
})
