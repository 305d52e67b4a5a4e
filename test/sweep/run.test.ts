import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadSweep } from '../../src/config/sweep.ts'
import { readRuns } from '../../src/pipeline/run-record.ts'
import { faceFile, pointFolder } from '../../src/sweep/folder.ts'
import { checkSweep, runSweep } from '../../src/sweep/run.ts'
import { UserError } from '../../src/util/errors.ts'
import { makeStore, pretend, pretendPool, writeSweep } from './fixtures.ts'

let folder: string
let out: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-'))
  out = join(folder, 'out')
  makeStore(folder)
})
afterEach(() => rmSync(folder, { recursive: true }))

const sweep = (more: object = {}) => loadSweep(writeSweep(folder, more))
const lambdas = (tasks: readonly { recipe: { guidance: { above: number }; threshold: number } }[]) =>
  tasks.map(({ recipe }) => [recipe.guidance.above, recipe.threshold])

test('every point has a number and a folder with its numbers, pictures and record; finished ones are not done again', async () => {
  const pool = pretendPool()
  const points = await runSweep(await sweep(), pool, { out })
  expect(points.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6])
  expect(lambdas(pool.asked)).toEqual([1, 2, 4].flatMap(lambda => [400, 600].map(threshold => [lambda, threshold])))
  expect(readdirSync(join(out, 'points')).toSorted()[1]).toMatch(/^0002-[0-9a-f]{12}$/)
  const second = pointFolder(out, points[1]!)
  const metrics = JSON.parse(readFileSync(join(second, 'metrics.json'), 'utf8'))
  expect(metrics).toMatchObject({ number: 2, settings: { lambda: 1, threshold: 600 }, count: 2 })
  expect(metrics.measures).toContainEqual(
    expect.objectContaining({ name: 'cosine.faceres', value: 1.06, role: 'judge' }),
  )
  for (const face of metrics.faces) expect(existsSync(join(second, face.pictures[0]))).toBe(true)
  expect(readdirSync(join(out, 'originals'))).toHaveLength(2)
  const [record] = await readRuns(second)
  expect(record).toMatchObject({ command: 'point', settings: { recipe: { threshold: 600 } } })
  expect(record!.outputs).toHaveLength(2)
  expect(record!.inputs[0]!.path).toBe('../../../faces/faces.u8')

  const again = pretendPool()
  expect(await runSweep(await sweep(), again, { out })).toEqual(points)
  expect(again.asked).toEqual([])
})

test('a longer axis adds points under new numbers; another recipe leaves the old points out and keeps them', async () => {
  await runSweep(await sweep({ axes: { threshold: [400] } }), pretendPool(), { out })
  const pool = pretendPool()
  const points = await runSweep(await sweep({ axes: { threshold: [500, 400] } }), pool, { out })
  expect(lambdas(pool.asked).map(([, threshold]) => threshold)).toEqual([500])
  expect(points.map(({ number, settings }) => [number, settings.threshold])).toEqual([
    [1, 400],
    [2, 500],
  ])
  const other = await runSweep(await sweep({ axes: { threshold: [400] }, set: { steps: 4 } }), pretendPool(), { out })
  expect(other.map(({ number }) => number)).toEqual([3])
  expect(readdirSync(join(out, 'points'))).toHaveLength(3)
  // Points on other faces cannot be compared with the new ones.
  const more = await sweep({ axes: { threshold: [400] }, faces: { from: join(folder, 'faces'), count: 3 } })
  expect((await runSweep(more, pretendPool(), { out })).map(({ number, count }) => [number, count])).toEqual([[4, 3]])
})

test('a failed point is recorded with its reason and the rest go on; --retry does it again', async () => {
  const pool = pretendPool(task => {
    if (task.recipe.guidance.above === 2) throw new UserError('out of memory')
    return pretend(task)
  }, 2)
  const points = await runSweep(await sweep({ axes: { 'guidance.above': [1, 2, 4] } }), pool, { out })
  expect(points.map(({ outcome }) => outcome?.state)).toEqual(['done', 'failed', 'done'])
  expect(JSON.parse(readFileSync(join(pointFolder(out, points[1]!), 'error.json'), 'utf8'))).toMatchObject({
    number: 2,
    error: 'out of memory',
  })
  const calm = pretendPool()
  const config = await sweep({ axes: { 'guidance.above': [1, 2, 4] } })
  await runSweep(config, calm, { out })
  expect(calm.asked).toHaveLength(0)
  const healed = await runSweep(config, calm, { out, retry: true })
  expect(calm.asked).toHaveLength(1)
  expect(healed.map(({ outcome }) => outcome?.state)).toEqual(['done', 'done', 'done'])
  expect(readdirSync(pointFolder(out, points[1]!))).not.toContain('error.json')
})

test('an interrupted sweep goes on with the points that were under way', async () => {
  const controller = new AbortController()
  let answered = 0
  const pool = pretendPool(task => (++answered > 2 ? undefined : pretend(task)), 2)
  const run = runSweep(await sweep(), pool, { out, signal: controller.signal })
  while (answered < 4) await new Promise(resolve => setTimeout(resolve, 5))
  await expect(runSweep(await sweep(), pretendPool(), { out })).rejects.toThrow(`the sweep in ${out}: process`)
  controller.abort()
  const points = await run
  expect(points.map(({ outcome }) => outcome?.state)).toEqual(['done', 'done', undefined, undefined])
  const rest = pretendPool()
  const all = await runSweep(await sweep(), rest, { out })
  expect(lambdas(rest.asked)).toEqual([
    [2, 400],
    [2, 600],
    [4, 400],
    [4, 600],
  ])
  expect(all.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6])
})

test('what breaks is no failed point: it ends the sweep', async () => {
  const pool = pretendPool(() => {
    throw new RangeError('a bug')
  })
  await expect(runSweep(await sweep(), pool, { out })).rejects.toThrow('a bug')
})

test('halving measures the better points on more faces', async () => {
  const pool = pretendPool(pretend, 3)
  const search = { kind: 'halving', points: 4, keep: 2, least: 1 }
  const config = await sweep({
    faces: { from: join(folder, 'faces'), count: 4 },
    axes: { lambda: { keys: ['guidance.above'], values: [1, 2, 4, 8] } },
    search,
    objective: { 'cosine.faceres': 1 },
  })
  const points = await runSweep(config, pool, { out })
  const at = (count: number) => points.filter(point => point.count === count).map(({ settings }) => settings.lambda)
  expect(at(1).toSorted()).toEqual([1, 2, 4, 8])
  expect(at(2).toSorted()).toEqual([4, 8])
  expect(at(4)).toEqual([8])
})

test('a sweep is checked before it runs: measures by name, faces by their folder', async () => {
  await expect(checkSweep(await sweep({ privacy: { lower: 'cosine.facers' } }))).rejects.toThrow(
    /'cosine.facers' is no measure \(nearest: 'cosine.faceres'/,
  )
  await expect(checkSweep(await sweep({ measures: ['recovered.psnr'] }))).rejects.toThrow(/is no measure/)
  await checkSweep(await sweep({ measures: ['recovered.psnr'], recovery: true }))
  const nowhere = await sweep({ faces: { from: join(folder, 'none'), count: 2 } })
  await expect(runSweep(nowhere, pretendPool(), { out })).rejects.toThrow(/no prepared faces in/)
  const many = await sweep({ faces: { from: join(folder, 'faces'), count: 5 } })
  await expect(runSweep(many, pretendPool(), { out })).rejects.toThrow(/expected 5 different people, found 4/)
})

test('each face has files of its own, whatever its id is', () => {
  expect(faceFile('AJ_Lamas/AJ_Lamas_0001.jpg')).toBe('AJ_Lamas_AJ_Lamas_0001.png')
  expect(faceFile('AJ_Lamas/AJ_Lamas_0001.jpg', 1)).toBe('AJ_Lamas_AJ_Lamas_0001-2.png')
  const ids = ['张三/1.jpg', '李四/1.jpg', '1.jpg', '1.png', '1-2.jpg', 'a b.jpg', 'a.b.jpg', 'a_b.jpg']
  const files = ids.flatMap(id => [faceFile(id), faceFile(id, 1)])
  expect(new Set(files).size).toBe(files.length)
  expect(files.filter(file => !/^[\w-]+\.png$/.test(file))).toEqual([])
})
