import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Delivery } from '../../src/tracking/delivery.ts'
import { Spool } from '../../src/tracking/spool.ts'

let folder: string
let path: string
let said: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'delivery-'))
  path = join(folder, 'messages.jsonl')
  said = []
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** To somebody who can be reached or not. */
function delivery(send: () => Promise<void>, spool = new Spool<number>(path)) {
  const recipient = { name: 'somebody', together: () => 1, send, isFinal: () => false, isEarly: () => false }
  return new Delivery(spool, recipient, message => said.push(message), {
    linger: 0,
    retry: [0.02, 0.02],
    patience: 0.2,
  })
}

const nobody = () => Promise.reject(new Error('not there'))
const notThere = 'somebody: not there; the run continues, and the data is sent later'

it('keeps what could not be sent', async () => {
  const kept = delivery(nobody)
  kept.add(1)
  await kept.finish()
  expect(said).toEqual([notThere, `1 messages to somebody are kept in ${path}: the same command again delivers them`])
  expect(await readFile(path, 'utf8')).toBe('1\n')
})

it('ends a run whose messages are gone as any other, and says it once', async () => {
  const gone = delivery(nobody)
  gone.add(1)
  await expect.poll(() => said).toEqual([notThere])
  await rm(folder, { recursive: true })
  await gone.finish()
  expect(said).toEqual([notThere, expect.stringMatching(/^somebody: .*: ENOENT/)])
})

it('ends a run on a full disk as any other, and says it once', async () => {
  const spool = new Spool<number>(path)
  vi.spyOn(spool, 'close').mockRejectedValue(new Error('the disk is full'))
  const full = delivery(nobody, spool)
  full.add(1)
  await full.finish()
  expect(said).toEqual([notThere, 'somebody: what it was still to be told may be lost: the disk is full'])
})
