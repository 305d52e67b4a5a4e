import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { folderTracker } from '../../src/tracking/tracker.ts'

let folder: string
let said: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'folder-'))
  said = []
})
afterEach(() => rm(folder, { recursive: true }))

const log = () => readFile(join(folder, 'log.jsonl'), 'utf8')
const start = async (step: number) => {
  const tracker = folderTracker(folder, message => said.push(message))
  await tracker.start({ name: 'toy', params: {}, tags: {}, compared: [], step })
  return tracker
}

it.each([
  ['a line that was cut off', '{"step":1}\n{"step":2}\n{"ste'],
  ['a line without its end', '{"step":1}\n{"step":2}'],
  ['later lines', '{"step":1}\n{"step":2}\n{"step":3}\n{"step":4}\n'],
])('goes on after %s', async (_, before) => {
  await writeFile(join(folder, 'log.jsonl'), before)
  const tracker = await start(2)
  tracker.scalars(3, { loss: 1 })
  // It is there at once.
  expect(await log()).toBe('{"step":1}\n{"step":2}\n{"step":3,"loss":1}\n')
  await tracker.finish('finished')
})

it('has pictures as files that sort by step', async () => {
  const tracker = await start(0)
  for (const step of [40, 400]) tracker.image(step, 'samples', { width: 1, height: 1, data: new Uint8Array(3) })
  await tracker.finish('finished')
  expect((await readdir(folder)).sort()).toEqual(['samples-000040.jpg', 'samples-000400.jpg'])
})

it('says once that the folder cannot be written', async () => {
  const tracker = await start(0)
  await rm(folder, { recursive: true })
  tracker.scalars(1, { loss: 1 })
  tracker.scalars(2, { loss: 1 })
  await tracker.finish('finished')
  await writeFile(folder, '')
  expect(said).toHaveLength(1)
  expect(said[0]).toMatch(/is not written any more: ENOENT/)
})
