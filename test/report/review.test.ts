import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FaceReport, PhotoReport } from '../../src/pipeline/photo-report.ts'
import { entriesOf, needsLook, writeReview } from '../../src/report/review-page.ts'
import { findChromium, launch, look, looks } from './browser.ts'

const folder = mkdtempSync(join(tmpdir(), 'review-'))
const originals = join(folder, 'originals')
const out = join(folder, 'protected')
const path = join(out, 'review.html')
afterAll(() => rmSync(folder, { recursive: true }))

const face = (x: number, more: Partial<FaceReport> = {}): FaceReport => ({
  box: { x, y: 60, width: 80, height: 100 },
  score: 0.9,
  resampled: 0,
  checks: [{ similarity: 0.12, accepted: false }],
  ...more,
})
const report = (more: Partial<PhotoReport> = {}): PhotoReport => ({
  width: 480,
  height: 320,
  faces: [face(60), face(300)],
  doubtful: [],
  smallest: 20,
  checkedBy: 'mobilefacenet',
  ...more,
})
const covered = { reason: 'in profile', detail: 'turned by about 60 degrees' } as const
const reports: Record<string, PhotoReport> = {
  'a clean #1.jpg': report(),
  'b <covered>.jpg': report({ faces: [face(60, { covered, resampled: 2 }), face(300)] }),
  'c doubtful.jpg': report({ doubtful: [{ box: { x: 200, y: 20, width: 30, height: 36 }, score: 0.4 }] }),
  'd recognised.jpg': report({ faces: [face(60, { checks: [{ similarity: 0.6, accepted: true }] })] }),
  'e nobody.jpg': report({ faces: [] }),
  'f phone.heic': report(),
}

beforeAll(async () => {
  for (const made of [originals, out]) mkdirSync(made)
  const photos = []
  for (const [i, [name, report]] of Object.entries(reports).entries()) {
    const picture = (hue: number) =>
      sharp({ create: { width: 480, height: 320, channels: 3, background: { r: 40 * hue, g: 120, b: 200 } } }).jpeg()
    await picture(i).toFile(join(originals, name))
    const paths = report.faces.length > 0 ? [join(out, name.replace(/\.\w+$/, '.anonymized.jpg'))] : []
    for (const path of paths) await picture(5 - i).toFile(path)
    photos.push({ path: join(originals, name), paths, report })
  }
  photos.push({ path: join(originals, 'g.jpg'), paths: [], refused: 'g.jpg: expected a whole picture, found a letter' })
  const others = [{ path: join(originals, 'notes.txt'), reason: 'no picture', refused: false }]
  await writeReview(path, 'anonymize', photos, others, ['8 entries: 5 done, 1 refused, 2 left out'])
})

test('what needs a look is said of each photo', () => {
  const asked = Object.values(reports).map(report => needsLook({ task: 'anonymize', name: '', state: 'done', report }))
  expect(asked).toEqual([
    [],
    ['1 face covered'],
    ['1 perhaps a face, left as it is'],
    ['1 face still recognised'],
    ['no face found'],
    [],
  ])
  expect(needsLook({ task: 'anonymize', name: '', state: 'refused' })).toEqual(['not done'])
})

test('the page holds no picture, is readable to its owner alone, and links by addresses that lead there', () => {
  const text = readFileSync(path, 'utf8')
  expect(text).not.toContain('data:image')
  expect(text).toContain('src="../originals/a%20clean%20%231.jpg"')
  expect(text).toContain('src="a%20clean%20%231.anonymized.jpg"')
  expect(text).toContain('b &lt;covered&gt;.jpg')
  expect(text).not.toContain('<covered>')
  expect(text).toContain('Browsers do not show files of this format')
  expect(text).not.toMatch(/(src|href)="[^"]*heic"/)
  expect(text).toMatch(/notes\.txt<\/td><td>no picture/)
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a later run adds to the page what it did, and leaves out what is gone or was made again', async () => {
  const there = join(out, 'later')
  mkdirSync(there)
  const page = join(there, 'review.html')
  const done = (name: string) => {
    const made = join(there, `${name}.hidden.jpg`)
    writeFileSync(made, '')
    return { path: join(originals, `${name}.jpg`), paths: [made], report: report() }
  }
  await writeReview(page, 'hide', [done('<b>one'), done('two'), done('three')], [], ['first'])
  rmSync(join(there, 'two.hidden.jpg'))
  await writeReview(page, 'anonymize', [done('three'), done('four')], [], ['second'])
  const entries = entriesOf(readFileSync(page, 'utf8'))
  expect(entries.map(({ task, name }) => [task, name.replace(`${originals}/`, '')])).toEqual([
    ['anonymize', 'three.jpg'],
    ['anonymize', 'four.jpg'],
    ['hide', '<b>one.jpg'],
  ])
  expect(readFileSync(page, 'utf8')).not.toContain('<b>one')
})

test('what leads elsewhere, or is no entry, is not taken over from a page', () => {
  const entry = { task: 'hide', name: 'a', state: 'done', versions: ['a.jpg'] }
  const pageOf = (entries: unknown) =>
    `<script type="application/json" id="entries">${JSON.stringify(entries)}</script>`
  expect(entriesOf(pageOf([entry]))).toEqual([entry])
  for (const original of ['javascript:alert(1)', 'https://example.org/a.jpg', '//example.org/a.jpg', 'JavaScript:x'])
    expect(entriesOf(pageOf([{ ...entry, original }])), original).toEqual([])
  expect(entriesOf(pageOf([{ ...entry, task: 'other' }]))).toEqual([])
  expect(entriesOf('nothing')).toEqual([])
})

const chromium = findChromium()
describe.skipIf(!chromium)('in a real browser', () => {
  let browser: Browser
  let page: Page
  beforeAll(async () => {
    browser = await launch(chromium!)
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    await page.goto(pathToFileURL(path).href)
  })
  afterAll(() => browser.close())

  const here = () =>
    page.evaluate(`document.querySelector('.here')?.querySelector('h2').textContent ?? ''`) as Promise<string>
  const visible = () =>
    page.evaluate(`[...document.querySelectorAll('.photo')].filter(card => card.offsetParent).length`)

  test('it fits a phone and a desk, light and dark, and asks for files of this machine only', async () => {
    for (const each of looks) {
      const picture = process.env.DIFF_PRIVACY_SCREENSHOTS
      const seen = await look(browser, path, each, picture && join(picture, `review-${each.width}-${each.scheme}.png`))
      expect(seen, `${each.width} ${each.scheme}`).toMatchObject({ complaints: [], overflow: 0 })
      expect(seen.requests.every(address => address.startsWith(pathToFileURL(folder).href))).toBe(true)
      expect(seen.requests.length).toBeGreaterThan(0)
    }
  })

  test('what needs a look comes first; keys go from photo to photo and filter', async () => {
    expect(await visible()).toBe(7)
    await page.keyboard.press('j')
    expect(await here()).toContain('b <covered>.jpg')
    await page.keyboard.press('ArrowDown')
    expect(await here()).toContain('c doubtful.jpg')
    await page.keyboard.press('k')
    await page.keyboard.press('k')
    expect(await here()).toContain('b <covered>.jpg')
    expect(await page.textContent('#place')).toBe('1 of 7')
    await page.keyboard.press('f')
    expect(await visible()).toBe(5)
    for (let i = 0; i < 9; i++) await page.keyboard.press('j')
    expect(await here()).toContain('g.jpg')
    expect(await page.textContent('#place')).toBe('5 of 5')
    await page.keyboard.press('f')
    expect(await visible()).toBe(7)
  })

  test('pictures show, with faces where they are, and the original while its key is held', async () => {
    const first = page.locator('.photo', { hasText: 'a clean' })
    await first.scrollIntoViewIfNeeded()
    const widths = await page.evaluate(
      `Promise.all([...document.querySelectorAll('img')].map(image => {
        image.loading = 'eager'
        return image.decode().then(() => image.naturalWidth)
      }))`,
    )
    expect(new Set(widths as number[])).toEqual(new Set([480]))
    const frame = (await first.locator('.pair .frame').first().boundingBox())!
    const mark = (await first.locator('.pair .mark').first().boundingBox())!
    expect((mark.x - frame.x) / frame.width).toBeCloseTo(60 / 480, 1)
    expect(mark.width / frame.width).toBeCloseTo(80 / 480, 1)
    const original = () => page.evaluate(`getComputedStyle(document.querySelector('.under')).visibility`)
    expect(await original()).toBe('hidden')
    await page.keyboard.down('o')
    expect(await original()).toBe('visible')
    await page.keyboard.up('o')
    expect(await original()).toBe('hidden')
  })
})
