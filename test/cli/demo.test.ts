import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { run } from '../../src/cli/program.ts'
import { readKeys } from '../../src/keys/files.ts'
import { checkPicture } from '../../src/keys/key.ts'
import type { DemoMetrics } from '../../src/report/demo-figures.ts'
import { UserError } from '../../src/util/errors.ts'
import { type TinyModel, tinyModel } from '../pipeline/tiny-model.ts'

let tiny: TinyModel
let folder: string
const log = vi.spyOn(console, 'log').mockImplementation(() => {})

beforeAll(async () => {
  await useBackend('wasm')
  tiny = await tinyModel()
  folder = mkdtempSync(join(tmpdir(), 'demo-'))
})
afterEach(() => void log.mockClear())
afterAll(() => {
  for (const path of [tiny.folder, folder]) rmSync(path, { recursive: true })
})

const demo = (out: string, ...options: string[]) => {
  const settings = [`model=${tiny.path}`, 'samples=2', 'steps=3', 'attempts=1', 'recovery.steps=2'].flatMap(setting => [
    '--set',
    setting,
  ])
  return run(['demo', '--model', 'faces-128', '--backend', 'wasm', '--out', out, ...settings, ...options])
}

const metricsIn = (out: string): DemoMetrics => JSON.parse(readFileSync(join(out, 'metrics.json'), 'utf8'))

test('one face: photos, keys that fit them, numbers and a report', async () => {
  const out = join(folder, 'first')
  await demo(out, '--faces', '1')
  expect(log.mock.calls.flat().join()).toContain(join(out, 'report.html'))
  const protectedPhotos = ['anonymized-1', 'anonymized-2', 'hidden'].map(version => `sample6.${version}.jpg`)
  expect(readdirSync(out).sort()).toEqual(
    [
      ...protectedPhotos.flatMap(name => [name, `${name}.dpkey`]),
      'sample6.anonymized-1.recovered.jpg',
      'metrics.json',
      'report.html',
      'run.json',
    ].sort(),
  )
  for (const name of protectedPhotos) {
    const keys = await readKeys(join(out, `${name}.dpkey`))
    expect(keys).toHaveLength(1)
    expect(() => checkPicture(keys, readFileSync(join(out, name)))).not.toThrow()
  }
  const { planned, firstProtected, faces } = metricsIn(out)
  expect([planned, faces.length]).toEqual([1, 1])
  expect(firstProtected).toBeGreaterThan(0)
  expect(faces[0]!.versions.map(({ title }) => title)).toEqual([
    'anonymized 1',
    'anonymized 2',
    'hidden',
    'recovered',
    'regenerated',
    'wrong key',
  ])
  for (const { similarity } of faces[0]!.versions)
    for (const cosine of Object.values(similarity)) expect(Math.abs(cosine)).toBeLessThanOrEqual(1.0001)
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('alt="face 1, recovered"')
})

test('its record makes the same photos and keys again', async () => {
  await run(['replay', join(folder, 'first')])
  expect(log.mock.calls.flat().join('\n')).toMatch(
    /identical {2}sample6.hidden.jpg\n[\s\S]*demo: 7 of 7 outputs are identical/,
  )
})

test('weights that are not those of its record are refused before anything is drawn', async () => {
  const other = join(folder, 'other')
  cpSync(join(folder, 'first'), other, { recursive: true })
  const file = join(other, 'run.json')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/"dlib": "[0-9a-f]{64}"/, `"dlib": "${'0'.repeat(64)}"`))
  await expect(run(['replay', other, '--keep', join(folder, 'again')])).rejects.toThrow(/weights 000000000000… of dlib/)
  expect(existsSync(join(folder, 'again'))).toBe(false)
})

test('the same seed gives the same pictures and numbers, whatever other faces there are', async () => {
  const [first, second] = [join(folder, 'first'), join(folder, 'second')]
  await demo(second, '--faces', '2')
  for (const name of ['sample6.anonymized-2.jpg', 'sample6.hidden.jpg', 'sample6.anonymized-1.recovered.jpg'])
    expect(readFileSync(join(second, name)).equals(readFileSync(join(first, name))), name).toBe(true)
  const { faces } = metricsIn(second)
  expect(faces.map(({ photo }) => photo)).toEqual(['sample6.jpg', 'sample3.jpg'])
  expect(faces[0]!.versions).toEqual(metricsIn(first).faces[0]!.versions)
})

test("a user's mistakes are one line, and nothing is written", async () => {
  const out = join(folder, 'none')
  await expect(demo(out, '--faces', '0')).rejects.toThrow('expected --faces of 1 or more, found 0')
  await expect(demo(out, '--faces', '2', '--all')).rejects.toThrow(UserError)
  await expect(demo(out, '--set', 'stepz=3')).rejects.toThrow(/stepz/)
  await expect(demo(out, '--set', 'guide=ir-se50')).rejects.toThrow(
    new UserError('demo: expected a guide out of dlib, faceres, mobilefacenet, found ir-se50'),
  )
  expect(existsSync(out)).toBe(false)
  const file = join(folder, 'file')
  writeFileSync(file, '')
  await expect(demo(file)).rejects.toThrow(/cannot make the folder/)
  expect(statSync(file).size).toBe(0)
})
