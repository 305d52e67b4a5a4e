/** A real browser for looking at pages: Chromium, where it is installed. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** Where Chromium is, or undefined: DIFF_PRIVACY_CHROMIUM names it where it is not on the path. */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const candidates = names.flatMap(name => folders.map(folder => join(folder, name)))
  return [process.env.DIFF_PRIVACY_CHROMIUM ?? '', ...candidates].find(path => path && existsSync(path))
}

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
}

export interface Look {
  readonly width: number
  readonly scheme: 'light' | 'dark'
}

/** A phone and a desk, light and dark. */
export const looks: readonly Look[] = [390, 1280].flatMap(width =>
  (['light', 'dark'] as const).map(scheme => ({ width, scheme })),
)

export interface Seen {
  /** What the console said, and errors of the page. */
  readonly complaints: readonly string[]
  /** Addresses that were asked for, the page itself left out. */
  readonly requests: readonly string[]
  readonly images: number
  /** Pictures that do not show. */
  readonly broken: readonly string[]
  /** How much wider the page is than the window. */
  readonly overflow: number
  readonly background: string
}

/** What the page says of itself; text, because these tests know no names of a browser. */
const inThePage = `({
  images: document.images.length,
  broken: [...document.images].filter(image => !image.complete || image.naturalWidth === 0).map(image => image.alt),
  overflow: document.documentElement.scrollWidth - window.innerWidth,
  background: getComputedStyle(document.body).backgroundColor,
})`

/** Opens a page from a file and looks at it. @param picture where a screenshot of all of it goes */
export async function look(browser: Browser, path: string, { width, scheme }: Look, picture?: string): Promise<Seen> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme })
  const complaints: string[] = []
  const requests: string[] = []
  const address = pathToFileURL(path).href
  page.on('console', message => complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(error.message))
  page.on('request', request => {
    if (request.url() !== address && !request.url().startsWith('data:')) requests.push(request.url())
  })
  await page.goto(address, { waitUntil: 'load' })
  const seen = (await page.evaluate(inThePage)) as Pick<Seen, 'images' | 'broken' | 'overflow' | 'background'>
  if (picture) await page.screenshot({ path: picture, fullPage: true })
  await page.close()
  return { ...seen, complaints, requests }
}
