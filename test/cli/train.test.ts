import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { readNote } from '../../src/train/checkpoint.ts'
import { lastCheckpoint } from '../../src/train/keep.ts'
import { type TinyModel, tinyModel } from '../pipeline/tiny-model.ts'
import { makeStore } from '../sweep/fixtures.ts'

const folder = mkdtempSync(join(tmpdir(), 'train-'))
let tiny: TinyModel
beforeAll(async () => {
  tiny = await tinyModel()
})
afterAll(() => {
  for (const path of [tiny.folder, folder]) rmSync(path, { recursive: true })
})
afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})

test('an interrupted training says that it is not done, and the same command resumes to the same bits', async () => {
  const out = join(folder, 'run')
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  const said = vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  const faces = ['--faces', makeStore(folder, 2, 64)]
  const settings = [`model=${tiny.path}`, 'steps=10', 'logEvery=1', 'checkpointEvery=4'].flatMap(setting => [
    '--set',
    setting,
  ])
  const train = (place = out) =>
    run(['train', 'configs/train-msi-faces.yaml', ...faces, '--out', place, ...settings, '--backend', 'wasm'])

  const before = process.listenerCount('SIGTERM')
  const waiting = setInterval(() => process.listenerCount('SIGTERM') > before && process.emit('SIGTERM'))
  await train().finally(() => clearInterval(waiting))
  const reached = (await readNote(lastCheckpoint(out)))!.step
  expect(reached).toBeLessThan(10)
  expect(said).toHaveBeenLastCalledWith(`stopped after ${reached} of 10 steps: the same command resumes\n`)
  expect(process.exitCode).toBe(130)
  expect(log).not.toHaveBeenCalledWith(lastCheckpoint(out))

  process.exitCode = undefined
  await train()
  expect((await readNote(lastCheckpoint(out)))!.step).toBe(10)
  expect(process.exitCode).toBeUndefined()
  expect(log).toHaveBeenLastCalledWith(lastCheckpoint(out))
  expect(process.listenerCount('SIGTERM')).toBe(before)

  const whole = join(folder, 'whole')
  await train(whole)
  for (const name of ['last', 'best']) {
    const [found, wanted] = [out, whole].map(place => readFileSync(join(place, `${name}.safetensors`)))
    expect(found!.equals(wanted!), name).toBe(true)
  }
})
