import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type FileResult, runParity } from '../../src/parity/run.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parity-'))
})
afterAll(() => rm(folder, { recursive: true }))

it('checks each file in a worker, past one that fails', async () => {
  const later = { kind: 'clip-tokens', vocabulary: 49408, length: 77, prompts: [['*', [49406, 265, 49407]]] }
  const paths = ['broken.json', 'later.json'].map(name => join(folder, name))
  await writeFile(paths[0]!, '{ "kind": ')
  await writeFile(paths[1]!, JSON.stringify(later))
  const results: FileResult[] = []
  await runParity(paths, ['cpu'], result => results.push(result))
  expect(results).toHaveLength(2)
  expect(results[0]).toMatchObject({ backend: 'cpu', path: paths[0], error: expect.stringContaining('JSON') })
  expect(results[1]).toMatchObject({ path: paths[1], checks: [{ what: 'vocabulary' }, { what: 'prompts' }] })
})

it('says of each file why its backend cannot be used', async () => {
  const path = join(folder, 'any.json')
  const results: FileResult[] = []
  await runParity([path], ['no-such-backend' as 'cpu'], result => results.push(result))
  expect(results).toHaveLength(1)
  expect(results[0]).toMatchObject({ path, error: expect.stringContaining('expected a backend out of') })
})
