import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadSweep, type SweepConfig } from '../../src/config/sweep.ts'
import { writeReport } from '../../src/report/sweep-files.ts'
import { effectOf, sweepCsv, sweepTable } from '../../src/report/sweep-table.ts'
import { paretoFront } from '../../src/sweep/point.ts'
import { runSweep, type SweepPoint } from '../../src/sweep/run.ts'
import { UserError } from '../../src/util/errors.ts'
import { makeStore, pretend, pretendPool, writeSweep } from '../sweep/fixtures.ts'
import { findChromium, launch, look, looks } from './browser.ts'

const folder = mkdtempSync(join(tmpdir(), 'sweep-report-'))
const out = join(folder, 'out')
afterAll(() => rmSync(folder, { recursive: true }))

let config: SweepConfig
let points: SweepPoint[]
const read = (name: string) => readFileSync(join(out, name), 'utf8')

beforeAll(async () => {
  makeStore(folder)
  config = await loadSweep(writeSweep(folder, { title: 'lambda & <others>', measures: ['accepted.faceres'] }))
  const pool = pretendPool(task => {
    if (task.recipe.guidance.above === 2 && task.recipe.threshold === 600) throw new UserError('out of memory')
    return pretend(task)
  })
  points = await runSweep(config, pool, { out })
  await writeReport(config, points, out)
})

test('the front holds what no other point beats', () => {
  expect(
    paretoFront([
      [1, 1],
      [2, 0],
      [0, 2],
      [1, 0],
      [0, 1],
      [1, 1],
    ]),
  ).toEqual([1, 0, 5, 2])
  const table = sweepTable(config, points)
  // Threshold 400 is better at each lambda; of those, more privacy always costs utility.
  expect(table.front.map(({ settings }) => [settings.lambda, settings.threshold])).toEqual([
    [4, 400],
    [2, 400],
    [1, 400],
  ])
  expect(table).toMatchObject({ count: 2, failed: 1, smaller: 0 })
})

test('the effect of an axis is the mean over its points', () => {
  const table = sweepTable(config, points)
  expect(effectOf(table, 'lambda', 'detection').map(({ value, mean }) => [value, mean])).toEqual([
    [1, 0.9],
    [2, 0.8],
    [4, 0.6],
  ])
  expect(effectOf(table, 'threshold', 'accepted.faceres')[0]).toMatchObject({ value: 400, rows: 3, mean: 1 / 3 })
})

test('points on fewer faces are left out and counted', () => {
  const [first, ...rest] = points
  expect(sweepTable(config, [{ ...first!, count: 1 }, ...rest])).toMatchObject({ smaller: 1, count: 2 })
})

test('points without a number of privacy or utility are left out and counted', () => {
  const without = ({ outcome, ...point }: SweepPoint): SweepPoint =>
    outcome?.state === 'done'
      ? { ...point, outcome: { ...outcome, measures: outcome.measures.filter(({ name }) => name !== 'detection') } }
      : { ...point, outcome }
  const [first, ...rest] = points
  const table = sweepTable(config, [without(first!), ...rest])
  expect(table).toMatchObject({ unmeasured: 1, failed: 1, smaller: 0 })
  expect(table.rows.map(({ number }) => number)).not.toContain(first!.number)
  expect(table.front.map(({ settings }) => settings.lambda)).toEqual([4, 2, 1])
  expect(() => sweepTable(config, points.map(without))).toThrow(
    'expected points with numbers of cosine.faceres and detection, found none among 5',
  )
})

test('CSV, Markdown and page hold the same numbers', () => {
  const lines = read('points.csv').trimEnd().split('\r\n')
  expect(lines).toHaveLength(6)
  expect(lines[0]).toMatch(/^point,id,lambda,threshold,front,cosine.dlib,cosine.dlib low,/)
  expect(lines[1]).toMatch(/^1,[0-9a-f]{12},1,400,true,0.8,/)
  const markdown = read('report.md')
  expect(markdown).toContain('| 1 | 1 | 400 | 1.040 (0.990 to 1.090) | 0.900 (0.850 to 0.950) |')
  const html = read('report.html')
  expect(html).toContain('1.040 (0.990 to 1.090)')
  expect(html).toContain('because they failed: 1.')
  expect(html).toMatch(/cosine.faceres<small>lower is better, black box</)
  expect(html).toContain('lambda &amp; &lt;others&gt;')
  const table = sweepTable(config, points)
  const odd = table.rows.map(row => ({ ...row, settings: { ...row.settings, lambda: 'a "b", c' } }))
  expect(sweepCsv({ ...table, rows: odd })).toContain(',"a ""b"", c",')
})

test('settings of the front can be copied: a whole recipe in YAML', () => {
  const [block] = read('report.html').match(/<pre><code>[^<]*/)!
  const recipe = parse(block.replace('<pre><code>', '').replaceAll('&quot;', '"'))
  expect(recipe).toMatchObject({ task: 'anonymize', threshold: 400, guidance: { above: 4, below: 4 } })
})

test('plots are there as SVG and as PNG of twice the size', async () => {
  const files = readdirSync(join(out, 'plots'))
  for (const name of ['front', 'lambda-cosine.faceres', 'lambda-detection', 'threshold-cosine.faceres']) {
    expect(files).toContain(`${name}.svg`)
    const { width } = await sharp(join(out, 'plots', `${name}.png`)).metadata()
    expect(width).toBe(name === 'front' ? 1520 : 880)
    const { channels } = await sharp(join(out, 'plots', `${name}.png`)).stats()
    expect(channels[0]!.stdev).toBeGreaterThan(5)
  }
})

const chromium = findChromium()
if (!chromium)
  console.log('the page is not looked at in a browser: Chromium is not installed (apt-get install chromium)')

describe.skipIf(!chromium)('in a real browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch(chromium!)
  })
  afterAll(() => browser?.close())

  test('it shows on a phone and at a desk, light and dark: nothing is fetched, missing, complained of or too wide', async () => {
    const backgrounds = new Map<string, string>()
    for (const each of looks) {
      const shots = process.env.SCREENSHOTS
      const picture = shots && join(shots, `sweep-${each.width}-${each.scheme}.png`)
      const seen = await look(browser, join(out, 'report.html'), each, picture)
      expect(seen).toMatchObject({ complaints: [], requests: [], broken: [], overflow: 0 })
      // Two faces, in the original and at three points.
      expect(seen.images).toBe(2 * (1 + 3))
      backgrounds.set(each.scheme, seen.background)
    }
    expect(backgrounds.get('light')).not.toBe(backgrounds.get('dark'))
  })
})
