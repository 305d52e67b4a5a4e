import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadRecipe } from '../../src/config/recipe.ts'
import type { DemoMetrics, MeasuredVersion } from '../../src/report/demo-figures.ts'
import { type DemoFigures, demoReport } from '../../src/report/demo-report.ts'
import { dataUri } from '../../src/report/html.ts'
import { findChromium, launch, look, looks } from './browser.ts'

const threshold = { threshold: 0.5, far: 0.001, tar: 0.9, tarInterval: [0.88, 0.92] as [number, number] }
const calibrated = { ...threshold, genuinePairs: 10, impostorPairs: 20, made: 'a fixture' }
const box = { x: 10, y: 20, width: 30, height: 40 }
const name = 'me & <you>.jpg'

const version = (kind: MeasuredVersion['kind'], title: string, cosine: number): MeasuredVersion => ({
  kind,
  title,
  similarity: { dlib: cosine, faceres: cosine - 0.1, mobilefacenet: cosine - 0.2 },
  detected: title !== 'anonymized 2',
  ...(kind === 'recovered' && { psnr: 46.54 }),
})

const face = (index: number) => ({
  photo: name,
  face: index,
  box,
  seconds: { anonymize: 20, hide: 10.5 },
  versions: [
    version('anonymized', 'anonymized 1', 0.1),
    version('anonymized', 'anonymized 2', 0.55),
    version('hidden', 'hidden', 0.95),
    version('recovered', 'recovered', 0.9),
    version('regenerated', 'regenerated', 0.8),
    version('wrongKey', 'wrong key', 0),
  ],
})

let metrics: DemoMetrics
let figures: DemoFigures
let report: string

beforeAll(async () => {
  const uri = await dataUri({ width: 8, height: 8, data: new Uint8Array(192).fill(90) })
  figures = {
    faces: Array.from({ length: 2 }, () => ({ original: uri, versions: Array.from({ length: 6 }, () => uri) })),
    photos: [
      {
        name,
        width: 200,
        height: 100,
        faces: [
          { face: 0, box },
          { face: 1, box },
        ],
        original: uri,
        anonymized: uri,
        others: ['Hidden', 'Recovered with the key'].map(title => ({ title, uri })),
      },
    ],
  }
  metrics = {
    model: { name: 'tiny', sha256: 'f'.repeat(64) },
    backend: 'wasm',
    jobs: 2,
    firstProtected: 31.4,
    recipes: { anonymize: await loadRecipe('faces-128/anonymize'), hide: await loadRecipe('faces-128/hide') },
    thresholds: { dlib: calibrated, faceres: calibrated, mobilefacenet: calibrated },
    planned: 2,
    faces: [face(0), face(1)],
  }
  report = demoReport(metrics, figures)
})

const count = (pattern: RegExp) => report.match(pattern)?.length ?? 0

test('each face is a pair first and a row of all its versions later, after the photos with the faces numbered', () => {
  expect(count(/<article class="face">/g)).toBe(2)
  expect(count(/alt="face \d, /g)).toBe(2 * (2 + 7))
  expect(count(/<input type="range"/g)).toBe(2 + 1)
  expect(report).toContain('class="mark" style="left:12.50%;top:20.00%">1</b>')
  expect(report).toContain('class="mark" style="left:12.50%;top:20.00%">2</b>')
  const order = ['class="face"', 'class="photo"', 'class="versions"', '<table>', 'class="settings"', 'class="legend"']
  const places = order.map(part => report.indexOf(part))
  expect(places).toEqual(places.toSorted((a, b) => a - b))
  expect(places[0]).toBeGreaterThan(0)
})

test('each decision follows its threshold, and is good or bad by what is meant', () => {
  const row = (title: string) => report.match(new RegExp(`<th scope="row">${title}</th>.*?</tr>`, 's'))![0]
  // 0.1, 0.0, -0.1: none accepted, as meant.
  expect(row('anonymized 1').match(/class="good">not accepted/g)).toHaveLength(3)
  // 0.55 is above the threshold, 0.45 and 0.35 are not; the detector did not find it.
  expect(row('anonymized 2')).toMatch(/0\.550 <span class="bad">accepted.*0\.450 <span class="good">not accepted/s)
  expect(row('anonymized 2')).toContain('<td class="edge">no</td>')
  expect(row('recovered')).toMatch(/class="good">accepted.*46\.5 dB/s)
})

test('the pair says what recognizers make of the version that it shows', () => {
  const verdicts = report.match(/<ul class="verdicts".*?<\/ul>/s)![0]
  expect(
    [...verdicts.matchAll(/<b>(\w+)<\/b> <small>([\w-]+)<\/small>/g)].map(([, name, role]) => [name, role]),
  ).toEqual([
    ['faceres', 'held-out'],
    ['mobilefacenet', 'held-out'],
    ['dlib', 'guidance'],
  ])
  expect(verdicts).toMatch(/0\.10 <small>of 0\.50<\/small><\/span> <span class="good">not accepted/)
})

test('the summary counts and averages each kind', () => {
  const row = report.match(/<th scope="row">Anonymized<.*?<\/tr>/s)![0]
  expect(row).toContain('0.325 <span class="bad">2 of 4</span>')
  expect(row).toContain('0.225 <span class="good">0 of 4</span>')
  expect(row).toContain('<td class="edge">2 of 4</td>')
})

test('guidance recognizers and held-out ones are under different heads', () => {
  expect(count(/colspan="1" class="edge">Guidance recognizers \(white box\)/g)).toBe(2)
  expect(count(/colspan="2" class="edge">Held-out recognizers \(black box\)/g)).toBe(2)
})

test('whatever guided one of the tasks is a white box', () => {
  const { anonymize, hide } = metrics.recipes
  const heads = (recipes: DemoMetrics['recipes']) =>
    demoReport({ ...metrics, recipes }, figures).match(/(?<=<th scope="col" class="edge">)\w+(?=<small>)/g)
  const guidedBy = (...guide: ('dlib' | 'faceres')[]) => ({
    anonymize: { ...anonymize, guide },
    hide: { ...hide, guide },
  })
  expect(heads(guidedBy('faceres'))).toEqual(['faceres', 'dlib', 'faceres', 'dlib'])
  expect(heads(guidedBy('dlib', 'faceres'))).toEqual(['dlib', 'mobilefacenet', 'dlib', 'mobilefacenet'])
  expect(heads({ anonymize: { ...anonymize, guide: 'faceres' }, hide })).toEqual(heads(guidedBy('dlib', 'faceres')))
})

test('it is whole in itself: pictures are data: URIs, nothing is loaded, and no script but its own', () => {
  expect(report).not.toMatch(/https?:|<script src|<link|@import|url\(/)
  for (const [, source] of report.matchAll(/src="([^"]*)"/g)) expect(source).toMatch(/^data:image\//)
})

test('names are escaped', () => {
  expect(report).toContain('me &amp; &lt;you&gt;.jpg')
  expect(report).not.toContain('<you>')
})

test('a report that is not finished says so', () => {
  expect(report).not.toContain('role="status"')
  expect(demoReport({ ...metrics, planned: 5 }, figures)).toContain('2 of 5 faces are done')
})

const chromium = findChromium()
if (!chromium)
  console.log('the page is not looked at in a browser: Chromium is not installed (apt-get install chromium)')

describe.skipIf(!chromium)('in a real browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-report-'))
  const path = join(folder, 'report.html')
  let browser: Browser

  beforeAll(async () => {
    writeFileSync(path, report)
    browser = await launch(chromium!)
  })
  afterAll(async () => {
    await browser.close()
    rmSync(folder, { recursive: true })
  })

  test('it shows every picture, light and dark, on a phone and on a desk', async () => {
    const backgrounds = new Set<string>()
    for (const each of looks) {
      const { background, images, ...seen } = await look(browser, path, each)
      expect(seen, `${each.width} ${each.scheme}`).toEqual({ complaints: [], requests: [], broken: [], overflow: 0 })
      expect(images).toBe(2 * (3 + 7) + 4)
      backgrounds.add(background)
    }
    expect(backgrounds.size).toBe(2)
  })

  test('the line between original and anonymized moves by keyboard and by pointer', async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    await page.goto(pathToFileURL(path).href)
    const cut = () => page.evaluate(`getComputedStyle(document.querySelector('.compare .before')).clipPath`)
    // Nothing of the original shows at first.
    expect(await cut()).toBe('inset(0px 100% 0px 0px)')
    await page.locator('.compare input').first().press('End')
    expect(await cut()).toBe('inset(0px 0% 0px 0px)')
    const stage = (await page.locator('.compare .stage').first().boundingBox())!
    await page.mouse.move(stage.x + stage.width / 4, stage.y + stage.height / 2)
    await page.mouse.down()
    await page.mouse.move(stage.x + stage.width / 2, stage.y + stage.height / 2)
    await page.mouse.up()
    const [, right] = /inset\(0px ([\d.]+)% 0px 0px\)/.exec((await cut()) as string)!
    expect(Number(right)).toBeCloseTo(50, 0)
    await page.close()
  })
})
