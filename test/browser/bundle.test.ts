/** The core of the library bundles for browsers, and works in one. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { builtinModules } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { build, type Metafile } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { detectFaces } from '../../src/faces/detect.ts'
import { readImage, resizeImage } from '../../src/images/codec.ts'
import { resample } from '../../src/images/resample.ts'
import { repositoryPath } from '../../src/util/paths.ts'
import { portrait } from '../pipeline/photos.ts'
import { findChromium, launch } from '../report/browser.ts'

/** Bundles a module for browsers. @throws Error when it imports anything of Node */
async function bundle(entry: string): Promise<{ code: string; metafile: Metafile }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  return { code: outputFiles[0]!.text, metafile }
}

test('the core bundles for browsers without anything of Node', async () => {
  const { metafile } = await bundle(repositoryPath('src/browser.ts'))
  const modules = Object.keys(metafile.inputs)
  expect(modules.length).toBeGreaterThan(200)
  const ofNode = new Set([...builtinModules, ...builtinModules.map(name => `node:${name}`), 'sharp'])
  const imports = Object.values(metafile.inputs).flatMap(input => input.imports.map(({ original }) => original ?? ''))
  // Packages for browsers and Node alike name modules of Node that bundlers leave empty; ours name none.
  const ours = Object.entries(metafile.inputs).filter(([path]) => path.startsWith('src/'))
  expect(ours.length).toBeGreaterThan(150)
  expect(imports.length).toBeGreaterThan(ours.length)
  for (const [path, input] of ours)
    for (const { original = '' } of input.imports) expect(ofNode, `${path} imports ${original}`).not.toContain(original)
})

test('a module of Node in the core would be found', async () => {
  await expect(bundle(repositoryPath('src/images/codec.ts'))).rejects.toThrow(
    /Could not resolve "(node:|util|fs|stream)/,
  )
})

test('resizing without libvips gives what sharp gives, within rounding', async () => {
  const photo = await readImage(await portrait(0).png().toBuffer())
  for (const [width, height] of [
    [97, 61],
    [299, 319],
    [450, 960],
  ] as const) {
    const [expected, found] = [await resizeImage(photo, width, height), resample(photo, width, height)]
    const differences = expected.data.map((value, i) => Math.abs(value - found.data[i]!))
    expect(differences.reduce((sum, value) => sum + value, 0) / differences.length).toBeLessThan(0.5)
  }
})

const chromium = findChromium()
if (!chromium) console.log('the core is not run in a browser: there is no Chromium')

describe.skipIf(!chromium)('in Chromium', () => {
  let server: Server
  let origin: string
  let photo: Buffer
  beforeAll(async () => {
    photo = await portrait(0).png().toBuffer()
    const { code } = await bundle(join(import.meta.dirname, 'page.ts'))
    const root = resolve(repositoryPath())
    server = createServer(({ url = '/' }, response) => {
      const path = new URL(url, 'http://here').pathname
      if (path === '/')
        return response.setHeader('content-type', 'text/html').end('<!doctype html><script src="/page.js"></script>')
      if (path === '/page.js') return response.setHeader('content-type', 'text/javascript').end(code)
      if (path === '/photo.png') return response.end(photo)
      try {
        if (path.endsWith('.wasm')) response.setHeader('content-type', 'application/wasm')
        response.end(readFileSync(join(root, path)))
      } catch {
        response.writeHead(404).end()
      }
    })
    await new Promise<void>(ready => server.listen(0, '127.0.0.1', ready))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  })
  afterAll(() => server?.close())

  test('a photo is protected and recovered, by the default model from bytes', async () => {
    const browser = await launch(chromium!)
    try {
      const page = await browser.newPage()
      await page.goto(origin)
      const few = ['steps=2', 'candidates=1', 'attempts=1', 'optimization.steps=0', 'recovery.steps=2']
      const found = (await page.evaluate(
        `protectAndRecover('photo.png', ${JSON.stringify([...few, 'recovery.refinements=0'])})`,
      )) as Record<'photo' | 'changed' | 'recovered', number[]> & {
        backend: string
        boxes: { x: number; y: number; width: number }[]
        crop: { x: number; y: number; width: number; height: number }
      }
      expect(found.backend).toBe('wasm')
      const image = await readImage(photo)
      expect(Uint8Array.from(found.photo)).toEqual(image.data)
      // The finder sees what it sees in Node, but for resizing within rounding.
      await useBackend('wasm')
      const [here] = await detectFaces(image)
      expect(found.boxes).toHaveLength(1)
      for (const side of ['x', 'y', 'width'] as const)
        expect(Math.abs(found.boxes[0]![side] - here!.box[side])).toBeLessThan(2)
      const apart = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length
      expect(apart(found.changed, found.photo)).toBeGreaterThan(20)
      // 45 dB of the crop is less than 2.1 of 255 squared.
      expect(apart(found.recovered, found.photo)).toBeLessThan(2.1)
    } finally {
      await browser.close()
    }
  }, 240_000)
})
