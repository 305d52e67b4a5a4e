/**
 * `npm run bench:studio`: the studio in Chromium, its models cached: seconds from dropping a photo to its first new face, the
 * longest time that the page did not answer, and the memory of the page and its worker, over several photos in a row.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { portrait } from '../test/pipeline/photos.ts'
import { findChromium, launch } from '../test/report/browser.ts'
import { serveStudio } from '../test/studio/serve.ts'

const { values: options } = parseArgs({ options: { photos: { type: 'string', default: '6' } } })
const chromium = findChromium()
if (!chromium) throw new Error('expected Chromium, found none: install it, or name it in DIFF_PRIVACY_CHROMIUM')

/** Resident bytes of Chromium's renderers: the page, and its worker within. */
function rendererMemory(): number {
  let most = 0
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')) continue
      const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
      most = Math.max(most, 1024 * Number(resident?.[1] ?? 0))
    } catch {
      // The process ended meanwhile.
    }
  }
  return most
}

const served = await serveStudio()
const browser = await launch(chromium)
const page = await browser.newPage()
const photos = await Promise.all(([0, 1, 2] as const).map(which => portrait(which).jpeg().toBuffer()))
const drop = async (i: number) => {
  const name = `photo ${i}.jpg`
  const started = performance.now()
  await page
    .getByLabel('Photos', { exact: true })
    .setInputFiles([{ name, mimeType: 'image/jpeg', buffer: photos[i % photos.length]! }])
  const card = page.getByRole('article', { name, exact: true })
  await card.locator('.version[aria-pressed]').first().waitFor({ timeout: 600_000 })
  const seconds = (performance.now() - started) / 1000
  await card.getByRole('button', { name: 'Download photo and key' }).waitFor({ timeout: 600_000 })
  return seconds
}
await page.goto(served.origin)
const download = await drop(0)
await page.reload()
await page.evaluate(`globalThis.longest = 0; new PerformanceObserver(list => {
  for (const { duration } of list.getEntries()) longest = Math.max(longest, duration)
}).observe({ type: 'longtask', buffered: true })`)
const rows: { seconds: number; memory: number }[] = []
for (let i = 0; i < Number(options.photos); i++) rows.push({ seconds: await drop(i), memory: rendererMemory() })
const bytes = [...served.sent].filter(([path]) => path.startsWith('/weights/')).reduce((sum, [, size]) => sum + size, 0)
console.log(`models: ${(bytes / 1e6).toFixed(0)} MB; first face with nothing cached: ${download.toFixed(0)} s`)
console.log(`longest time without an answer: ${(await page.evaluate('longest')) as number} ms`)
for (const [i, { seconds, memory }] of rows.entries())
  console.log(`photo ${i + 1}: first face after ${seconds.toFixed(1)} s; ${(memory / 1e9).toFixed(2)} GB`)
await browser.close()
served.close()
