/** The studio in Chromium: photos are protected, downloaded and recovered as a person would, without a connection too. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, BrowserContext, Download, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { loadTaskRecipe } from '../../src/config/task-recipe.ts'
import { psnr } from '../../src/eval/metrics/pixel-error.ts'
import { readImage } from '../../src/images/codec.ts'
import { openRecipe } from '../../src/pipeline/open.ts'
import { couple, grey } from '../pipeline/photos.ts'
import { findChromium, launch } from '../report/browser.ts'
import { type Served, serveStudio } from './serve.ts'

const chromium = findChromium()
if (!chromium) console.log('the studio is not run: there is no Chromium')

const seed = 7
const few = [
  'steps=2',
  'candidates=1',
  'attempts=1',
  'optimization.steps=0',
  'recovery.steps=2',
  'recovery.refinements=0',
]
const address = `?seed=${seed}${few.map(set => `&set=${set}`).join('')}`

describe.skipIf(!chromium)('the studio', () => {
  let served: Served
  let browser: Browser
  let context: BrowserContext
  let page: Page
  const folder = mkdtempSync(join(tmpdir(), 'studio-photos-'))
  const [requests, complaints]: [string[], string[]] = [[], []]
  const photo = join(folder, 'two people.png')

  beforeAll(async () => {
    await couple().png().toFile(photo)
    await grey().png().toFile(join(folder, 'nobody.png'))
    writeFileSync(join(folder, 'broken.jpg'), 'not a picture')
    served = await serveStudio()
    browser = await launch(chromium!)
    context = await browser.newContext({ viewport: { width: 390, height: 844 } })
    page = await context.newPage()
    context.on('request', request => requests.push(request.url()))
    page.on('console', message => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    page.on('pageerror', error => complaints.push(error.message))
    await page.goto(served.origin + address)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    served?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const card = (name: string) => page.getByRole('article', { name })
  const add = (...names: string[]) =>
    page.getByLabel('Photos', { exact: true }).setInputFiles(names.map(name => join(folder, name)))

  test('says what is wrong with a file that is no picture, and with a photo of nobody', async () => {
    await add('broken.jpg', 'nobody.png')
    await card('broken.jpg').getByRole('alert').waitFor({ timeout: 60_000 })
    expect(await card('broken.jpg').getByRole('alert').textContent()).toContain('found none: broken.jpg')
    await card('nobody.png').getByText('No face found').waitFor({ timeout: 60_000 })
    for (const name of ['broken.jpg', 'nobody.png']) await page.getByRole('button', { name: `Remove ${name}` }).click()
  }, 150_000)

  test('protects what is dropped as the command line does, and recovers it from the download', async () => {
    await add('two people.png')
    const done = card('two people.png').getByRole('button', { name: 'Download photo and key' })
    await done.waitFor({ timeout: 180_000 })
    expect(await card('two people.png').getByText('recognised by MobileFaceNet').count()).toBe(2)
    await page.getByLabel('Passphrase for keys').fill('open sesame')
    await page.getByLabel('Format').selectOption('png')
    const downloads: Download[] = []
    page.on('download', download => downloads.push(download))
    await done.click()
    await expect.poll(() => downloads.length, { timeout: 120_000 }).toBe(2)
    const names = downloads.map(download => download.suggestedFilename())
    expect(names).toEqual(['two people.anonymized.png', 'two people.anonymized.dpkey'])
    for (const [i, download] of downloads.entries()) await download.saveAs(join(folder, names[i]!))

    const [original, found] = await Promise.all([photo, join(folder, names[0]!)].map(path => readImage(path)))
    await useBackend('wasm')
    const recipe = await loadTaskRecipe('anonymize', few)
    const { protectPhoto } = await openRecipe({ ...recipe, seed })
    const { photos } = await protectPhoto(original!)
    expect(psnr(original!, found!)).toBeLessThan(35)
    expect(psnr(photos[0]!, found!)).toBeGreaterThan(40)

    await page.getByRole('button', { name: 'Recover originals' }).click()
    await page.getByLabel('Protected photo').setInputFiles(join(folder, names[0]!))
    await page.getByLabel('Key (.dpkey)').setInputFiles(join(folder, names[1]!))
    const recover = page.getByRole('button', { name: 'Recover', exact: true })
    await page.getByLabel('Passphrase, if it has one').fill('wrong')
    await recover.click()
    await page.getByRole('alert').waitFor({ timeout: 60_000 })
    expect(await page.getByRole('alert').textContent()).toContain('passphrase')
    await page.getByLabel('Passphrase, if it has one').fill('open sesame')
    await recover.click()
    const link = page.getByRole('link', { name: /Download two people.recovered.png/ })
    await link.waitFor({ timeout: 60_000 })
    const [saved] = await Promise.all([page.waitForEvent('download'), link.click()])
    await saved.saveAs(join(folder, 'recovered.png'))
    expect(psnr(original!, await readImage(join(folder, 'recovered.png')))).toBeGreaterThan(45)
  }, 420_000)

  test('has no fault that axe finds, on a phone, in light and in dark', async () => {
    await page.getByRole('button', { name: 'Protect photos' }).click()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const violations = (await page.evaluate(
        `(() => { ${axe.source} })(); axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].html))`,
      )) as string[]
      expect(violations).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390)
    }
  }, 60_000)

  test('works without a connection, and asks no other origin', async () => {
    await expect
      .poll(() => page.evaluate('navigator.serviceWorker.controller !== null'), { timeout: 30_000 })
      .toBe(true)
    await context.setOffline(true)
    await page.reload()
    await add('two people.png')
    await card('two people.png').getByText('Face 2').waitFor({ timeout: 120_000 })
    await page.getByRole('button', { name: 'Cancel' }).click()
    await card('two people.png').getByText('Cancelled').waitFor({ timeout: 2_000 })
    await context.setOffline(false)
    const forbidden = `new Promise(done => {
      document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective))
      fetch('https://example.org/').catch(() => undefined)
    })`
    const before = complaints.length
    expect(await page.evaluate(forbidden)).toBe('connect-src')
    complaints.length = before
    expect(requests.length).toBeGreaterThan(20)
    for (const url of requests) expect(url.startsWith(served.origin) || url.startsWith('blob:'), url).toBe(true)
    expect(complaints).toEqual([])
  }, 150_000)
})
