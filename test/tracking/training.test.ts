import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { mlflowTracker } from '../../src/tracking/mlflow.ts'
import { all, folderTracker } from '../../src/tracking/tracker.ts'
import { train } from '../../src/train/loop.ts'
import { toyOptions, toyTask } from '../train/toy.ts'
import { close, freePort, listen, pretend } from './pretend.ts'

let folder: string
let said: string[]
beforeAll(() => useBackend('wasm'))
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'training-'))
  said = []
})
afterEach(() => rm(folder, { recursive: true }))

/** Seconds that a call may take, and that the end of a run waits. */
const [patience, atEnd] = [2, 4]

/** Trains up to so many steps. @returns seconds of the longest step, and from the last one to the end */
async function run(port: number, steps: number): Promise<{ longest: number; ending: number }> {
  const say = (message: string) => said.push(message)
  const delivery = { linger: 0.01, retry: [1.5, 3], patience: atEnd } as const
  const server = mlflowTracker({ uri: `http://127.0.0.1:${port}`, folder, say, environment: {}, patience, delivery })
  let [longest, last] = [0, performance.now()]
  const weights = await train(toyTask(4), toyOptions(steps), {
    folder,
    config: { toy: true },
    description: { name: 'toy', params: { rate: 0.01 }, tags: {}, compared: ['loss'] },
    tracker: all([folderTracker(folder, say), server]),
    onReport({ secondsPerStep }) {
      longest = Math.max(longest, secondsPerStep)
      last = performance.now()
    },
  })
  const ending = (performance.now() - last) / 1000
  tf.dispose(Object.values(weights))
  return { longest, ending }
}

/** Trains a run against a server that fails, and one that goes on when it does not. */
async function expectAllDelivered(port: number, complaint: RegExp, repair: () => Promise<void>): Promise<void> {
  const { longest, ending } = await run(port, 40)
  expect(longest).toBeLessThan(patience / 2)
  expect(ending).toBeLessThan(atEnd + 2)
  const kept = join(folder, 'mlflow-undelivered.jsonl')
  expect(said).toEqual([expect.stringMatching(complaint), expect.stringContaining(`are kept in ${kept}`)])
  const log = (await readFile(join(folder, 'log.jsonl'), 'utf8')).trim().split('\n')
  expect(log.map(line => JSON.parse(line).step)).toEqual(steps(40))

  await repair()
  await run(port, 43)
  expect(said).toHaveLength(2)
}

const steps = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

/** Each step that the server was told of. */
const distinct = (told: readonly number[]) => [...new Set(told)].filter(step => step > 0)

it('a run whose server is down trains as fast and ends as any other, and a later one delivers', async () => {
  const port = await freePort()
  const { server, calls, stepsTold } = pretend()
  await expectAllDelivered(port, /ECONNREFUSED; the run continues/, async () => void (await listen(server, port)))
  expect(distinct(stepsTold())).toEqual(steps(43))
  expect(calls.at(-1)!.body).toMatchObject({ status: 'FINISHED' })
  await close(server)
})

it('a run whose server hangs trains as fast and ends as any other, and a later one delivers', async () => {
  const { server, calls, stepsTold } = pretend()
  const [answer] = server.listeners('request') as RequestListener[]
  server.removeAllListeners('request')
  server.on('request', () => {})
  const port = await listen(server)
  await expectAllDelivered(port, /no answer within 2 s; the run continues/, async () => {
    server.removeAllListeners('request')
    server.on('request', answer!)
  })
  expect(distinct(stepsTold())).toEqual(steps(43))
  expect(calls.at(-1)!.body).toMatchObject({ status: 'FINISHED' })
  await close(server)
})
