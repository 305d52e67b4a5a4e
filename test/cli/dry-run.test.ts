import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { UserError } from '../../src/util/errors.ts'
import { portrait } from '../pipeline/photos.ts'

const folder = mkdtempSync(join(tmpdir(), 'dry-run-'))
const photo = join(folder, 'photo.png')
await portrait(0).png().toFile(photo)
let said = ''

beforeEach(() => {
  said = ''
  vi.spyOn(console, 'log').mockImplementation(text => {
    said += `${text}\n`
  })
})
afterEach(() => {
  vi.restoreAllMocks()
})
afterAll(() => rmSync(folder, { recursive: true }))

const protect = (...options: string[]) =>
  run(['anonymize', photo, '--out', join(folder, 'out'), '--backend', 'wasm', '--steps', '4', ...options])

it('says what protecting takes by default, and what by another model, and writes nothing', async () => {
  await protect('--dry-run', '--samples', '2')
  expect(said).toMatch(/^anonymize one face with faces-1024 on wasm\n/)
  expect(said).toContain('[2, 1024, 1024, 3]')
  expect(said).toMatch(/in all [\d.]+ GFLOP, [\d.,]+ MB of memory at most\n$/)
  said = ''
  await protect('--dry-run', '--samples', '2', '--model', 'faces-128')
  expect(said).toMatch(/^anonymize one face with faces-128 on wasm\n/)
  expect(said).toContain('[2, 128, 128, 3]')
  expect(said).toMatch(/in all [\d.]+ GFLOP, \d+ MB of memory at most\n$/)
  expect(readdirSync(folder)).toEqual(['photo.png'])
})

it('says what training takes, without faces', async () => {
  await run(['train', 'configs/train-autoencoder-faces.yaml', '--dry-run', '--backend', 'wasm', '--set', 'batchSize=2'])
  expect(said).toMatch(/^train autoencoder of faces-128 with batches of 2 on wasm\n/)
  expect(said).toContain('autoencoder, trained')
})

it('refuses what wasm cannot hold before it starts, and names what can', async () => {
  const started = protect('--model', 'stable-diffusion-v1-4')
  await expect(started).rejects.toThrow(UserError)
  await expect(started).rejects.toThrow(/4\.0 GB that wasm can hold, .*: take --backend tensorflow/)
  expect(said).toBe('')
})

it('refuses more processes than memory holds, and processes of its own beside those of a queue', async () => {
  await expect(protect('--jobs', '1000000')).rejects.toThrow(/on wasm in each of 1000000 processes: take fewer --jobs/)
  await expect(protect('--jobs', '1', '--queue', 'redis://localhost')).rejects.toThrow(/jobs and queue/)
  expect(said).toBe('')
})

it("plans the paper's own setting without a byte of its weights", async () => {
  const paper = ['--config', 'configs/paper/anonymize.yaml', '--samples', '1', '--dry-run']
  const refusal = await protect(...paper).catch((error: Error) => error.message)
  expect(refusal).toMatch(/stable-diffusion-v1-4/)
  expect(said).toMatch(/noise predictor +859,520,964/)
  expect(said).toMatch(/MSI +10,626,816/)
  expect(said).toMatch(/face parsing \(bisenet\) +13,\d{3},\d{3}/)
})
