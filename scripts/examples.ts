/** Runs every example with settings that are quick, as CI does, and checks that each says what it is to say. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { repositoryPath, typeScriptLoader } from '../src/util/paths.ts'

const few = [
  'steps=4',
  'candidates=2',
  'attempts=1',
  'optimization.steps=6',
  'recovery.steps=2',
  'recovery.refinements=0',
]

/** The arguments of each example, and what its output shows. */
const examples: Readonly<Record<string, { readonly settings: readonly string[]; readonly says: RegExp }>> = {
  'protect-photo': { settings: few, says: /cosine 0\.\d\d.*recovered: (4[5-9]|[5-9]\d)\.\d dB/s },
  'own-energy': { settings: few, says: /without: -0\.\d+\nwith the energy: / },
  'add-recognizer': { settings: few, says: /weight 200: cosine of thumbnails -?0\.[01]/ },
  'add-metric': { settings: few, says: /hide: .*chromaShift \d+/ },
  'train-msi': { settings: ['steps=2', 'photos=1'], says: /step 2: loss \d/ },
  'sweep-two-settings': {
    settings: [...few, 'processes=1'],
    says: /guidance\.above=0\.3 optimization\.steps=12: cosine/,
  },
}

const files = readdirSync(repositoryPath('examples')).map(file => file.replace(/\.ts$/, ''))
const unknown = files.filter(name => name !== 'arguments' && !(name in examples))
if (unknown.length > 0) throw new Error(`expected to know how to run every example, found ${unknown.join(', ')}`)

for (const [name, { settings, says }] of Object.entries(examples)) {
  const started = performance.now()
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', typeScriptLoader(), repositoryPath(`examples/${name}.ts`), ...settings],
    { cwd: repositoryPath(), encoding: 'utf8' },
  )
  const passed = status === 0 && says.test(stdout)
  console.log(`${name}: ${passed ? 'passed' : 'FAILED'} in ${((performance.now() - started) / 1000).toFixed(0)} s`)
  if (passed) continue
  console.log(stdout + stderr)
  process.exitCode = 1
}
