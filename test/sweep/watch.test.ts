import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadSweep, type SweepConfig } from '../../src/config/sweep.ts'
import { pointFolder } from '../../src/sweep/folder.ts'
import { runSweep, type SweepPoint } from '../../src/sweep/run.ts'
import { watchSweep } from '../../src/sweep/watch.ts'
import { pythonWith, type Server, serve } from '../tracking/python.ts'
import { makeStore, pretendPool, writeSweep } from './fixtures.ts'

const python = await pythonWith('mlflow')

let folder: string
let out: string
let config: SweepConfig
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-watch-'))
  out = join(folder, 'out')
  makeStore(folder)
  config = await loadSweep(writeSweep(folder, { axes: { threshold: [400, 600] } }))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Sweeps, watched by `specs`. @returns the points, and what was said */
async function sweep(specs: readonly string[]): Promise<{ points: SweepPoint[]; said: string[] }> {
  const said: string[] = []
  const watch = await watchSweep(config, out, specs, message => said.push(message))
  const points = await runSweep(config, pretendPool(), { out, onChange: points => watch.tell(points) })
  watch.tell(points)
  await watch.finish('finished', [])
  return { points, said }
}

test('TensorBoard has event files of the sweep and of each point, in one folder where one is named', async () => {
  const { points } = await sweep(['tensorboard'])
  for (const point of points) expect(readdirSync(join(pointFolder(out, point), 'tensorboard'))).toHaveLength(1)
  // What was told is not told again.
  await sweep(['tensorboard'])
  for (const point of points) expect(readdirSync(join(pointFolder(out, point), 'tensorboard'))).toHaveLength(1)
  // Elsewhere it is new.
  await sweep([`tensorboard=${join(folder, 'logs')}`])
  const [events, ...rest] = readdirSync(join(folder, 'logs')).toSorted().reverse()
  expect(events).toMatch(/^events\.out/)
  expect(rest.toSorted()).toEqual(readdirSync(join(out, 'points')).toSorted())
})

test('a sweep that nothing watches leaves nothing behind', async () => {
  const { points } = await sweep([])
  expect(readdirSync(pointFolder(out, points[0]!)).toSorted()).toEqual(['faces', 'metrics.json', 'run.json'])
  expect(existsSync(join(out, 'log.jsonl'))).toBe(false)
})

describe.runIf(python)('an MLflow server', () => {
  let server: Server
  let home: string
  // biome-ignore lint/suspicious/noExplicitAny: what the server says is what is tested
  const ask = async (path: string, query: Record<string, string>): Promise<any> =>
    (await fetch(`${server.url}/api/2.0/mlflow/${path}?${new URLSearchParams(query)}`)).json()
  const runOf = async (of: string) => {
    const { runId } = JSON.parse(readFileSync(join(of, 'mlflow.json'), 'utf8'))
    return (await ask('runs/get', { run_id: runId })).run
  }
  const pairs = (list: { key: string; value: unknown }[]) =>
    Object.fromEntries(list.map(({ key, value }) => [key, value]))

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'mlflow-home-'))
    const free = createServer()
    const port = await new Promise<number>(resolve =>
      free.listen(0, '127.0.0.1', () => resolve((free.address() as AddressInfo).port)),
    )
    await new Promise(resolve => free.close(resolve))
    const store = ['--backend-store-uri', `sqlite:///${home}/db.sqlite`, '--artifacts-destination', `${home}/artifacts`]
    const place = ['--host', '127.0.0.1', '--port', String(port), '--workers', '1']
    server = await serve(python!, ['-m', 'mlflow', 'server', ...store, ...place], `http://127.0.0.1:${port}/`)
  }, 600_000)
  afterAll(async () => {
    await server?.stop()
    rmSync(home, { recursive: true })
  })

  test('has a run of the sweep and in it one of each point, with its settings and measures', async () => {
    const { points, said } = await sweep([`mlflow=${server.url}`])
    expect(said).toEqual([])
    const whole = await runOf(out)
    expect(whole.info).toMatchObject({ run_name: 'out', status: 'FINISHED' })
    expect(pairs(whole.data.params)).toMatchObject({ 'faces.count': '2', 'privacy.lower': 'cosine.faceres' })
    for (const point of points) {
      const { info, data } = await runOf(pointFolder(out, point))
      expect(info.status).toBe('FINISHED')
      expect(pairs(data.tags)).toMatchObject({ 'mlflow.parentRunId': whole.info.run_id, point: String(point.number) })
      expect(pairs(data.params)).toEqual({ threshold: String(point.settings.threshold), faces: '2' })
      const outcome = point.outcome!
      if (outcome.state !== 'done') throw new Error('expected a point that is done')
      expect(pairs(data.metrics)).toEqual(Object.fromEntries(outcome.measures.map(({ name, value }) => [name, value])))
    }
    // A sweep that goes on, or is looked at again, makes no second runs.
    await sweep([`mlflow=${server.url}`])
    const search = await fetch(`${server.url}/api/2.0/mlflow/runs/search`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ experiment_ids: [whole.info.experiment_id] }),
    })
    expect(((await search.json()) as { runs: unknown[] }).runs).toHaveLength(3)
  }, 120_000)

  test('that is down is said twice at most, stops nothing, and is told later', async () => {
    config = await loadSweep(writeSweep(folder, { axes: { threshold: [300, 500, 700] } }))
    const nowhere = 'mlflow=http://127.0.0.1:9'
    const { points, said } = await sweep([nowhere])
    expect(points).toHaveLength(3)
    expect(said.filter(text => text.includes('the run continues'))).toHaveLength(2)
    for (const point of points) expect(existsSync(join(pointFolder(out, point), 'mlflow-undelivered.jsonl'))).toBe(true)
    await sweep([`mlflow=${server.url}`])
    for (const point of points) expect((await runOf(pointFolder(out, point))).info.status).toBe('FINISHED')
  }, 120_000)
})
