/** Runs of a tiny model, recorded and made again. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { run } from '../../src/cli/program.ts'
import { readKeys } from '../../src/keys/files.ts'
import { readRuns } from '../../src/pipeline/run-record.ts'
import { portrait } from './photos.ts'
import { type TinyModel, tinyModel } from './tiny-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'replay-'))
const out = join(folder, 'protected')
const back = join(folder, 'recovered')
const photo = join(folder, 'ada.png')
let model: TinyModel
let said: string
let few: string[]

beforeAll(async () => {
  await useBackend('wasm')
  model = await tinyModel()
  await portrait(0).png().toFile(photo)
  few = [
    ...['--backend', 'wasm', '--model', model.path, '--steps', '2'],
    ...['--set', 'recovery.steps=2', '--set', 'recovery.refinements=0', '--set', 'attempts=1'],
  ]
})
afterAll(() => {
  rmSync(folder, { recursive: true })
  rmSync(model.folder, { recursive: true })
})
beforeEach(() => {
  said = ''
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  vi.spyOn(console, 'log').mockImplementation(text => {
    said += `${text}\n`
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  process.exitCode = undefined
})

const replay = (...args: string[]) => run(['replay', ...args])

test('anonymize records what it was asked and with what; replay makes the same bytes', async () => {
  await run(['anonymize', '--record', photo, '--out', out, ...few])
  const [record] = await readRuns(out)
  expect(record).toMatchObject({
    command: 'anonymize',
    settings: {
      recipe: { steps: 2 },
      photos: [
        { photo: '../ada.png', secret: expect.stringMatching(/^[0-9a-f]{64}$/), outputs: ['ada.anonymized.png'] },
      ],
    },
    software: {
      backend: 'wasm',
      node: process.versions.node,
      threads: 1,
      fusedKernels: expect.stringMatching(/^[0-9a-f]{12}$/),
    },
    inputs: [{ path: '../ada.png' }],
  })
  expect(Object.keys(record!.weights)).toEqual(['tiny', 'dlib', 'mobilefacenet'])
  expect(statSync(join(out, 'run.json')).mode & 0o777).toBe(0o600)
  await replay(out)
  expect(said).toMatch(/identical {2}ada.anonymized.png\nidentical {2}ada.anonymized.png.dpkey\n.*2 of 2 outputs/)
  expect(process.exitCode).toBeUndefined()
})

test('what is made again and not kept goes with the process, however that ends', async () => {
  const temporary = join(folder, 'temporary')
  mkdirSync(temporary)
  vi.stubEnv('TMPDIR', temporary)
  const seen: number[] = []
  vi.mocked(console.log).mockImplementationOnce(() => {
    seen.push(readdirSync(temporary).length)
    process.listeners('exit').at(-1)!.call(process, 130)
    seen.push(readdirSync(temporary).length)
  })
  const before = process.listenerCount('exit')
  await replay(out)
  expect(seen).toEqual([1, 0])
  expect(process.listenerCount('exit')).toBe(before)
})

test("the run's own folder is no place for what is made again", async () => {
  await expect(replay(out, '--keep', join(out, '..', 'protected'))).rejects.toThrow(/expected --keep of another folder/)
})

test('a later run in the folder is added; what it writes over is no longer of the earlier one', async () => {
  const second = join(folder, 'bea.png')
  copyFileSync(photo, second)
  await run(['hide', '--record', second, '--out', out, ...few])
  await run(['anonymize', '--record', photo, '--out', out, ...few, '--seed', '3'])
  const runs = await readRuns(out)
  expect(runs.map(({ command, outputs }) => [command, outputs.length])).toEqual([
    ['hide', 2],
    ['anonymize', 2],
  ])
})

test('an encrypted key is not recorded, and is encrypted again; what a passphrase recovers is made again with it', async () => {
  const words = join(folder, 'words')
  writeFileSync(words, 'open sesame\n')
  const locked = join(folder, 'locked')
  await run(['anonymize', '--record', photo, '--out', locked, '--passphrase-file', words, ...few])
  expect((await readRuns(locked, { passphrase: 'open sesame' }))[0]!.outputs.map(({ path }) => path)).toEqual([
    'ada.anonymized.png',
  ])
  const kept = join(folder, 'kept')
  expect(existsSync(join(locked, 'run.json'))).toBe(false)
  await expect(replay(locked, '--keep', kept)).rejects.toThrow(/run-1\.json\.age is encrypted: .*--passphrase-file/)
  expect(existsSync(kept)).toBe(false)
  await replay(locked, '--keep', kept, '--passphrase-file', words)
  expect(said).toMatch(/anonymize: 1 of 1 outputs are identical/)
  const again = join(kept, 'ada.anonymized.png.dpkey')
  await expect(readKeys(again)).rejects.toMatchObject({ problem: 'passphrase needed' })
  expect(await readKeys(again, { passphrase: 'open sesame' })).toHaveLength(1)
  const picture = join(locked, 'ada.anonymized.png')
  await run([
    'recover',
    '--record',
    picture,
    '--out',
    back,
    '--backend',
    'wasm',
    '--model',
    model.path,
    '--passphrase-file',
    words,
  ])
  said = ''
  await replay(back, '--passphrase-file', words)
  expect(said).toMatch(/recover: 1 of 1 outputs are identical/)
  expect(readFileSync(join(back, 'run-1.json.age'), 'latin1')).not.toContain('sesame')
})

test('it tells apart what differs, what was changed since, and what cannot be made again', async () => {
  const mine = join(folder, 'mine')
  await run(['anonymize', '--record', photo, '--out', mine, ...few])
  const file = join(mine, 'run.json')
  const text = readFileSync(file, 'utf8')
  // A record of other bytes: as if the run had come out otherwise.
  const { outputs } = (await readRuns(mine))[0]!
  writeFileSync(file, text.replace(outputs[0]!.sha256, '0'.repeat(64)).replace('"threads": 1', '"threads": 9'))
  const warned: string[] = []
  vi.mocked(process.stderr.write).mockImplementation(line => {
    warned.push(String(line))
    return true
  })
  said = ''
  await replay(mine)
  expect(said).toMatch(/differs {2}ada.anonymized.png; the file in the folder was changed/)
  expect(said).toMatch(/1 of 2 outputs are identical/)
  expect(process.exitCode).toBe(1)
  expect(warned.join('')).toMatch(/^different environment: threads 9 then, 1 now$/m)

  writeFileSync(file, text)
  mkdirSync(join(folder, 'away'))
  copyFileSync(photo, join(folder, 'away', 'ada.png'))
  await portrait(1).png().toFile(photo)
  await expect(replay(mine)).rejects.toThrow(/ada.png is not the file that the run was made from/)
  rmSync(photo)
  await expect(replay(mine)).rejects.toThrow(/expected the run's input at .*ada.png, found no file/)
  await expect(replay(folder)).rejects.toThrow(/expected run.json in/)
  copyFileSync(join(folder, 'away', 'ada.png'), photo)
  writeFileSync(file, text.replace(/"tiny": "[0-9a-f]{64}"/, `"tiny": "${'0'.repeat(64)}"`))
  await expect(replay(mine)).rejects.toThrow(/made with weights 000000000000… of tiny/)
})
