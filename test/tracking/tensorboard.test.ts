import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readImage } from '../../src/images/codec.ts'
import { crc32c, histogram, tensorboardTracker } from '../../src/tracking/tensorboard.ts'
import { pythonWith, type Server, serve } from './python.ts'

const complain = (message: string) => expect.unreachable(message)
const python = await pythonWith('tensorboard')
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tensorboard-'))
})
afterAll(() => rm(folder, { recursive: true }))

const picture = { width: 6, height: 4, data: Uint8Array.from({ length: 72 }, (_, i) => 3 * i) }
const description = {
  name: 'toy',
  params: { rate: 0.01, task: 'toy', 'nested.flag': true },
  tags: { kind: 'test' },
  compared: ['loss', 'validationLoss'],
}

/** A run of four steps that is ended by force in step 5, and goes on from step 2. */
async function writeRun(run: string): Promise<void> {
  const first = tensorboardTracker(run, complain)
  await first.start({ ...description, step: 0 })
  for (let step = 1; step <= 4; step++) first.scalars(step, { loss: 1 / step, 'loss/pixels': step })
  await first.finish('failed')
  const [name] = await readdir(run)
  await truncate(join(run, name!), (await readFile(join(run, name!))).length - 5)

  const second = tensorboardTracker(run, complain)
  await second.start({ ...description, step: 2 })
  for (let step = 3; step <= 6; step++) second.scalars(step, { loss: 1 / step, 'loss/pixels': step })
  second.image(4, 'samples', picture)
  second.histogram(4, 'weights/encoder', [new Float32Array([0, 1, 2, 3]), new Float32Array([3, Number.NaN])])
  second.text(2, 'config', 'rate: **0.01**')
  await second.finish('finished')
}

it('checksums are those of RFC 3720', () => {
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
})

it('histograms count every finite value in bins of one width', () => {
  const found = histogram([new Float32Array([0, 1, 2, 3]), new Float32Array([3, Number.NaN])], 3)
  expect(found).toEqual({ min: 0, max: 3, count: 5, sum: 9, sumOfSquares: 23, edges: [1, 2, 3], counts: [1, 1, 3] })
  expect(histogram([new Float32Array([2, 2])])).toMatchObject({ edges: [2], counts: [2] })
  expect(histogram([new Float32Array([Number.NaN])])).toBeUndefined()
})

it('says once that a folder cannot be written', async () => {
  const said: string[] = []
  const inTheWay = join(folder, 'file')
  await writeFile(inTheWay, '')
  const tracker = tensorboardTracker(inTheWay, message => said.push(message))
  await tracker.start({ ...description, step: 0 })
  tracker.scalars(1, { loss: 1 })
  await tracker.finish('finished')
  expect(said).toHaveLength(1)
  expect(said[0]).toMatch(/file is not written any more: cannot make the folder/)
})

/** TensorBoard reads event files by a program of its own where there is one ('auto'), or in Python. */
describe.runIf(python).each(['auto', 'false'])('TensorBoard with --load_fast=%s', loadFast => {
  let server: Server
  const data = async (path: string, body?: unknown) => {
    const response = await fetch(
      `${server.url}/data/${path}`,
      body ? { method: 'POST', body: JSON.stringify(body) } : {},
    )
    expect(response.status, path).toBe(200)
    return response
  }
  // biome-ignore lint/suspicious/noExplicitAny: what the server says is what is tested
  const json = async (path: string, body?: unknown): Promise<any> => (await data(path, body)).json()

  beforeAll(async () => {
    const logs = join(folder, loadFast)
    await writeRun(join(logs, 'toy'))
    const where = ['--logdir', logs, '--host', '127.0.0.1', '--port', '0']
    server = await serve(python!, ['-m', 'tensorboard.main', '--load_fast', loadFast, ...where])
    // It reads the files after it has begun to serve.
    for (let tries = 0; (await json('runs')).length === 0 && tries < 100; tries++)
      await new Promise(resolve => setTimeout(resolve, 200))
  })
  afterAll(() => server?.stop())

  it('reads scalars, each step once although the run was interrupted', async () => {
    expect(await json('runs')).toEqual(['toy'])
    expect(Object.keys((await json('plugin/scalars/tags')).toy).sort()).toEqual(['loss', 'loss/pixels'])
    const points: [number, number, number][] = await json('plugin/scalars/scalars?run=toy&tag=loss')
    expect(points.map(([, step]) => step)).toEqual([1, 2, 3, 4, 5, 6])
    for (const [time, step, value] of points) {
      expect(value).toBeCloseTo(1 / step, 6)
      expect(Math.abs(Date.now() / 1000 - time)).toBeLessThan(300)
    }
  })

  it('reads images, histograms and text', async () => {
    const [image] = await json('plugin/images/images?run=toy&tag=samples&sample=0')
    expect(image).toMatchObject({ step: 4 })
    const png = Buffer.from(await (await data(`plugin/images/individualImage?${image.query}`)).arrayBuffer())
    expect(await readImage(png)).toEqual(picture)

    const [[, step, bins]] = await json('plugin/histograms/histograms?run=toy&tag=weights%2Fencoder')
    expect(step).toBe(4)
    expect(bins.reduce((sum: number, [, , count]: number[]) => sum + count!, 0)).toBe(5)
    expect([bins[0][0], bins.at(-1)[1]]).toEqual([0, 3])

    const [text] = await json('plugin/text/text?run=toy&tag=config%2Ftext_summary')
    expect(text.text).toContain('<strong>0.01</strong>')
  })

  it('reads hyperparameters, and the metrics that runs are compared by', async () => {
    const experiment = await json('plugin/hparams/experiment', { experimentName: '' })
    const types = Object.fromEntries(experiment.hparamInfos.map(({ name, type }: never) => [name, type]))
    expect(types).toMatchObject({
      rate: 'DATA_TYPE_FLOAT64',
      task: 'DATA_TYPE_STRING',
      'nested.flag': 'DATA_TYPE_BOOL',
    })
    const request = {
      experimentName: '',
      allowedStatuses: ['STATUS_SUCCESS'],
      colParams: [],
      startIndex: 0,
      sliceSize: 10,
    }
    const { sessionGroups } = await json('plugin/hparams/session_groups', request)
    expect(sessionGroups).toHaveLength(1)
    expect(sessionGroups[0].hparams).toEqual({ rate: 0.01, task: 'toy', 'nested.flag': true })
    const loss = sessionGroups[0].metricValues.find(({ name }: { name: { tag: string } }) => name.tag === 'loss')
    expect(loss).toMatchObject({ trainingStep: 6 })
    expect(loss.value).toBeCloseTo(1 / 6, 6)
  })
})
