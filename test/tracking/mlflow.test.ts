import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readImage } from '../../src/images/codec.ts'
import { type MlflowOptions, mlflowTracker } from '../../src/tracking/mlflow.ts'
import { openTrackers } from '../../src/tracking/open.ts'
import { close, freePort, listen, pretend } from './pretend.ts'
import { pythonWith, type Server, serve } from './python.ts'

const python = await pythonWith('mlflow')
const description = { name: 'toy', params: { rate: 0.01, task: 'toy' }, tags: { kind: 'test' }, compared: [] }
const picture = { width: 6, height: 4, data: Uint8Array.from({ length: 72 }, (_, i) => 3 * i) }

let folder: string
let said: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlflow-'))
  said = []
})
afterEach(() => rm(folder, { recursive: true }))

const tracker = (uri: string, more: Partial<MlflowOptions> = {}) =>
  mlflowTracker({
    uri,
    folder,
    say: message => said.push(message),
    environment: {},
    patience: 10,
    delivery: { linger: 0.01, retry: [0.05, 0.2], patience: 3 },
    ...more,
  })

const undelivered = () => join(folder, 'mlflow-undelivered.jsonl')

describe('a server that fails', () => {
  it('is down: the run continues at once, it is said once, and everything is kept and named', async () => {
    const port = await freePort()
    const down = tracker(`http://127.0.0.1:${port}`, { delivery: { linger: 0.01, retry: [0.05, 0.2], patience: 0.5 } })
    const started = performance.now()
    await down.start({ ...description, step: 0 })
    for (let step = 1; step <= 50; step++) down.scalars(step, { loss: 1 / step })
    expect(performance.now() - started).toBeLessThan(1000)
    // All of it is on the disk, wherever the run is ended.
    expect((await readFile(undelivered(), 'utf8')).match(/"loss"/g)).toHaveLength(50)
    await down.finish('finished')
    expect(said).toHaveLength(2)
    expect(said[0]).toMatch(/^MLflow at http:\/\/127\.0\.0\.1:\d+: ECONNREFUSED; the run continues/)
    expect(said[1]).toBe(
      `52 messages to MLflow at http://127.0.0.1:${port} are kept in ${undelivered()}: the same command again delivers them`,
    )

    // The same command again, the server being there.
    const { server, calls, stepsTold } = pretend()
    await listen(server, port)
    const again = tracker(`http://127.0.0.1:${port}`)
    await again.start({ ...description, step: 50 })
    await again.finish('finished')
    expect(stepsTold()).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    // In batches, not one by one.
    expect(calls.filter(({ body }) => body.metrics)).toHaveLength(1)
    expect(await readdir(folder)).toEqual(['mlflow.json'])
    expect(said).toHaveLength(2)
    await close(server)
  })

  it('hangs: no call waits longer than its patience, nor does the end of the run', async () => {
    const server = createServer(() => {})
    const port = await listen(server)
    const hung = tracker(`http://127.0.0.1:${port}`, {
      patience: 1,
      delivery: { linger: 0.01, retry: [0.05, 0.2], patience: 2 },
    })
    await hung.start({ ...description, step: 0 })
    hung.scalars(1, { loss: 1 })
    const started = performance.now()
    await hung.finish('finished')
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(said[0]).toMatch(/no answer within 1 s; the run continues/)
    expect(said).toHaveLength(2)
    expect(await readFile(undelivered(), 'utf8')).toContain('"loss"')
    await close(server)
  })

  it('comes back: what it missed is delivered in order', async () => {
    const { server, stepsTold } = pretend()
    const port = await listen(server)
    const during = tracker(`http://127.0.0.1:${port}`)
    await during.start({ ...description, step: 0 })
    during.scalars(1, { loss: 1 })
    await expect.poll(stepsTold, { timeout: 5000 }).toEqual([1])
    await close(server)
    for (let step = 2; step <= 5; step++) during.scalars(step, { loss: 1 / step })
    await expect.poll(() => said.length, { timeout: 5000 }).toBe(1)
    await listen(server, port)
    await expect.poll(stepsTold, { timeout: 5000 }).toEqual([1, 2, 3, 4, 5])
    await during.finish('finished')
    expect(said).toHaveLength(1)
    expect(await readdir(folder)).toEqual(['mlflow.json'])
    await close(server)
  })

  it('refuses a message: it is put aside, said once, and the others are delivered', async () => {
    const { server, calls } = pretend()
    server.prependListener('request', (request, response) => {
      if (!request.url!.includes('set-tag')) return
      response.statusCode = 400
      response.end('{"error_code":"INVALID_PARAMETER_VALUE","message":"no such tag"}')
    })
    const port = await listen(server)
    const refused = tracker(`http://127.0.0.1:${port}`)
    await refused.start({ ...description, step: 0 })
    refused.scalars(1, { loss: 1 })
    await refused.finish('finished')
    expect(said).toEqual([
      `MLflow at http://127.0.0.1:${port}: 400 no such tag`,
      `1 messages that MLflow at http://127.0.0.1:${port} refused are in ${join(folder, 'mlflow-undelivered-refused.jsonl')}`,
    ])
    expect(calls.at(-1)!.body).toMatchObject({ status: 'FINISHED' })
    await close(server)
  })
})

it('a run in one that is still being made waits for it, and nothing is said', async () => {
  const { server, calls } = pretend()
  const uri = `http://127.0.0.1:${await listen(server)}`
  const point = join(folder, 'point')
  await mkdir(point)
  const child = tracker(uri, { folder: point, parent: folder })
  await child.start({ ...description, name: 'point', step: 0 })
  child.scalars(1, { loss: 1 })
  // That of another server is no parent.
  await writeFile(join(folder, 'mlflow.json'), JSON.stringify({ uri: 'http://elsewhere', key: 'k', runId: 'r0' }))
  const searches = () => calls.filter(({ path }) => path === 'runs/search').length
  await expect.poll(searches, { timeout: 5000 }).toBeGreaterThan(2)
  const parent = tracker(uri)
  await parent.start({ ...description, name: 'sweep', step: 0 })
  await Promise.all([parent.finish('finished'), child.finish('finished')])
  const [, made] = calls.filter(({ path }) => path === 'runs/create')
  expect(made!.body).toMatchObject({ run_name: 'point' })
  expect(made!.body.tags).toContainEqual({ key: 'mlflow.parentRunId', value: 'r1' })
  expect(said).toEqual([])
  await close(server)
})

it('a disk that keeps nothing does not stop the run, and is said once', async () => {
  await mkdir(undelivered())
  const run = tracker('http://127.0.0.1:9')
  await run.start({ ...description, step: 0 })
  run.scalars(1, { loss: 1 })
  run.image(1, 'samples', picture)
  await run.finish('finished')
  expect(said).toEqual([expect.stringMatching(/^what http:\/\/127\.0\.0\.1:9 is told is not written any more: EISDIR/)])
})

describe('credentials', () => {
  it('go into requests and nowhere else', async () => {
    const { server, calls } = pretend()
    const port = await listen(server)
    const environment = {
      MLFLOW_TRACKING_URI: `http://127.0.0.1:${port}`,
      MLFLOW_TRACKING_USERNAME: 'ann',
      MLFLOW_TRACKING_PASSWORD: 'secret',
    }
    for (const more of [{}, { MLFLOW_TRACKING_TOKEN: 'secret-token' }]) {
      const signed = mlflowTracker({
        folder,
        say: message => said.push(message),
        environment: { ...environment, ...more },
      })
      await signed.start({ ...description, step: 0 })
      await signed.finish('finished')
    }
    const basic = `Basic ${Buffer.from('ann:secret').toString('base64')}`
    expect(new Set(calls.map(({ headers }) => headers.authorization))).toEqual(new Set([basic, 'Bearer secret-token']))
    for (const name of await readdir(folder)) expect(await readFile(join(folder, name), 'utf8')).not.toContain('secret')
    await close(server)
  })

  it('are refused in an address, and not repeated', () => {
    const open = (spec: string) => () => openTrackers([spec], folder, () => {})
    expect(open('mlflow=http://ann:secret@host:5000')).toThrow(/set MLFLOW_TRACKING_USERNAME/)
    for (const spec of [
      'mlflow=http://ann:secret@host:5000',
      'mlflow=ann:secret@host',
      'mlflows=http://ann:secret@host',
    ])
      expect(open(spec)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('secret') }))
  })
})

it('a tracker that is not known, or twice, is refused', () => {
  const open =
    (...specs: string[]) =>
    () =>
      openTrackers(specs, folder, () => {})
  expect(open('wandb')).toThrow(/expected tensorboard, .*found 'wandb'/)
  expect(open('mlflow=http://a', 'mlflow=http://b')).toThrow(/found mlflow twice/)
})

describe.runIf(python)('an MLflow server', () => {
  let server: Server
  let home: string
  // biome-ignore lint/suspicious/noExplicitAny: what the server says is what is tested
  const ask = async (path: string, query: Record<string, string>): Promise<any> =>
    (await fetch(`${server.url}/api/2.0/mlflow/${path}?${new URLSearchParams(query)}`)).json()
  const runId = async (of: string) => JSON.parse(await readFile(join(of, 'mlflow.json'), 'utf8')).runId

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'mlflow-home-'))
    const port = String(await freePort())
    const store = ['--backend-store-uri', `sqlite:///${home}/db.sqlite`, '--artifacts-destination', `${home}/artifacts`]
    const place = ['--host', '127.0.0.1', '--port', port, '--workers', '1']
    server = await serve(python!, ['-m', 'mlflow', 'server', ...store, ...place], `http://127.0.0.1:${port}/`)
  }, 600_000)
  afterAll(async () => {
    await server?.stop()
    await rm(home, { recursive: true })
  })
  const real = { patience: 20, delivery: { linger: 0.1, patience: 40 } }

  it('has the run: parameters, tags, metrics, pictures, files, how it ended', async () => {
    const file = join(folder, 'config.yaml')
    await writeFile(file, 'rate: 0.01\n')
    const run = tracker(server.url, real)
    await run.start({ ...description, step: 0 })
    for (let step = 1; step <= 20; step++) run.scalars(step, { loss: 1 / step, 'loss/pixels': step })
    run.image(4, 'samples/all', picture)
    run.histogram(4, 'weights/encoder', [new Float32Array([1, 3])])
    run.text(0, 'config', '**rate**')
    run.artifact(file)
    await run.finish('finished')
    expect(said).toEqual([])

    const run_id = await runId(folder)
    const found = (await ask('runs/get', { run_id })).run
    expect(found.info).toMatchObject({ run_name: 'toy', status: 'FINISHED' })
    const pairs = (list: { key: string; value: unknown }[]) =>
      Object.fromEntries(list.map(({ key, value }) => [key, value]))
    expect(pairs(found.data.params)).toEqual({ rate: '0.01', task: 'toy' })
    expect(pairs(found.data.tags)).toMatchObject({ kind: 'test', 'mlflow.loggedImages': 'True' })
    expect(pairs(found.data.metrics)).toMatchObject({
      'loss/pixels': 20,
      'weights/encoder/mean': 2,
      'weights/encoder/deviation': 1,
    })
    const { metrics } = await ask('metrics/get-history', { run_id, metric_key: 'loss' })
    expect(metrics.map(({ step }: { step: number }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))

    const list = async (path: string) =>
      (await ask('artifacts/list', { run_id, path })).files.map((file: { path: string }) => file.path)
    expect((await list('')).sort()).toEqual(['config-000000.md', 'config.yaml', 'images'])
    const images: string[] = await list('images')
    expect(images).toHaveLength(2)
    const png = images.find(path => /^images\/samples~all\+step\+4\+timestamp\+\d+\+[-\w]+\.png$/.test(path))!
    const bytes = await fetch(`${server.url}/get-artifact?${new URLSearchParams({ run_uuid: run_id, path: png })}`)
    expect(await readImage(Buffer.from(await bytes.arrayBuffer()))).toEqual(picture)
  })

  it('has a run that was interrupted and goes on as one, each step once', async () => {
    const first = tracker(server.url, real)
    await first.start({ ...description, step: 0 })
    for (let step = 1; step <= 4; step++) first.scalars(step, { loss: 1 / step })
    await first.finish('interrupted')
    const run_id = await runId(folder)
    expect((await ask('runs/get', { run_id })).run.info.status).toBe('KILLED')

    const second = tracker(server.url, real)
    await second.start({ ...description, params: { rate: 0.01, task: 'toy', steps: 6 }, step: 2 })
    for (let step = 3; step <= 6; step++) second.scalars(step, { loss: 1 / step })
    await second.finish('finished')
    expect(await runId(folder)).toBe(run_id)
    const { run } = await ask('runs/get', { run_id })
    expect(run.info.status).toBe('FINISHED')
    expect(run.data.params).toContainEqual({ key: 'steps', value: '6' })
    const { metrics } = await ask('metrics/get-history', { run_id, metric_key: 'loss' })
    expect(metrics.map(({ step }: { step: number }) => step)).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('keeps the values of steps that are taken again, and has a tag that says so', async () => {
    const take = async (begun: number, steps: readonly number[], value: number) => {
      const run = tracker(server.url, real)
      await run.start({ ...description, step: begun })
      for (const step of steps) run.scalars(step, { loss: value })
      await run.finish('interrupted')
      return (await ask('runs/get', { run_id: await runId(folder) })).run.data.tags
    }
    const again = (tags: { key: string; value: string }[]) => tags.filter(({ key }) => key.startsWith('takenAgain'))
    expect(again(await take(0, [1, 2, 3, 4], 1))).toEqual([])
    // It goes on where it was.
    expect(again(await take(4, [5, 6], 1))).toEqual([])
    expect(again(await take(2, [3, 4, 5], 0.5))).toEqual([{ key: 'takenAgain.3', value: '3 to 6' }])
    expect(again(await take(5, [6, 7], 0.25))).toEqual([
      { key: 'takenAgain.3', value: '3 to 6' },
      { key: 'takenAgain.6', value: '6 to 6' },
    ])
    const { metrics } = await ask('metrics/get-history', { run_id: await runId(folder), metric_key: 'loss' })
    expect(metrics.map(({ value }: { value: number }) => value)).toEqual([1, 1, 1, 1, 1, 1, 0.25])
    expect(said).toEqual([])
  })

  it('nests a run in another', async () => {
    const sweep = tracker(server.url, { ...real, environment: { MLFLOW_EXPERIMENT_NAME: 'sweeps' } })
    await sweep.start({ ...description, name: 'sweep', step: 0 })
    await sweep.finish('finished')
    const point = join(folder, 'point')
    await mkdir(point)
    const child = tracker(server.url, {
      ...real,
      folder: point,
      parent: folder,
      environment: { MLFLOW_EXPERIMENT_NAME: 'sweeps' },
    })
    await child.start({ ...description, name: 'point', step: 0 })
    child.scalars(1, { loss: 1 })
    await child.finish('failed')
    const { run } = await ask('runs/get', { run_id: await runId(point) })
    expect(run.data.tags).toContainEqual({ key: 'mlflow.parentRunId', value: await runId(folder) })
    expect(run.info.status).toBe('FAILED')
    const { experiment } = await ask('experiments/get-by-name', { experiment_name: 'sweeps' })
    expect(run.info.experiment_id).toBe(experiment.experiment_id)
  })
})
