import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Spool } from '../../src/tracking/spool.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spool-'))
  path = join(folder, 'messages.jsonl')
})
afterEach(() => rm(folder, { recursive: true }))

const messages = (spool: Spool<unknown>, bytes?: number) => spool.peek(bytes).map(({ message }) => message)

it('gives messages in order until they are dropped, and leaves no file when all are', async () => {
  const spool = new Spool<unknown>(path)
  for (const n of [1, 2, 3]) spool.add({ n })
  expect(messages(spool)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  // As many as fit, one at least.
  expect(messages(spool, 20)).toEqual([{ n: 1 }, { n: 2 }])
  expect(messages(spool, 1)).toEqual([{ n: 1 }])
  spool.drop(spool.peek()[1]!.end)
  expect(messages(spool)).toEqual([{ n: 3 }])
  spool.drop(spool.peek()[0]!.end)
  expect(messages(spool)).toEqual([])
  spool.add({ n: 4 })
  expect(messages(spool)).toEqual([{ n: 4 }])
  spool.drop(spool.peek()[0]!.end)
  expect(await spool.close()).toBe(0)
  expect(await readdir(folder)).toEqual([])
})

it('keeps what is left for the next process', async () => {
  const spool = new Spool<unknown>(path)
  for (const n of [1, 2, 3]) spool.add({ n })
  spool.drop(spool.peek()[0]!.end)
  expect(await spool.close()).toBe(2)
  expect(await readFile(path, 'utf8')).toBe('{"n":2}\n{"n":3}\n')
  expect(messages(new Spool(path))).toEqual([{ n: 2 }, { n: 3 }])
})

it('skips a message that the end of a process cut short', async () => {
  await writeFile(path, '{"n":1}\n')
  await appendFile(path, '{"n":')
  const spool = new Spool<unknown>(path)
  spool.add({ n: 2 })
  const all = spool.peek()
  expect(all.map(({ message }) => message)).toEqual([{ n: 1 }, { n: 2 }])
  spool.drop(all.at(-1)!.end)
  expect(await spool.close()).toBe(0)

  await writeFile(path, '{"n":')
  const cut = new Spool<unknown>(path)
  expect(messages(cut)).toEqual([])
  cut.add({ n: 3 })
  expect(messages(cut)).toEqual([{ n: 3 }])
})

it('takes no more than its limit, and counts what it did not keep', async () => {
  const spool = new Spool<unknown>(path, 20)
  for (const n of [1, 2, 3, 4]) spool.add({ n })
  expect(messages(spool)).toEqual([{ n: 1 }, { n: 2 }])
  expect(spool.dropped).toBe(2)
})
