/** What is done side by side comes out as if it had been done one by one: with workers that make it up, at once or late. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadRecipe } from '../../src/config/recipe.ts'
import { psnr } from '../../src/eval/metrics/pixel-error.ts'
import type { Face } from '../../src/faces/detect.ts'
import { loadThresholds } from '../../src/faces/recognizers.ts'
import { fivePoints, meanLandmarks } from '../../src/faces/template.ts'
import { readImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import { readKeys } from '../../src/keys/files.ts'
import type { UnboundKey } from '../../src/pipeline/photo-face.ts'
import type { FaceWorkers } from '../../src/pipeline/tasks.ts'
import type { DemoTools } from '../../src/report/demo-face.ts'
import { runDemo } from '../../src/report/demo-run.ts'
import { UserError } from '../../src/util/errors.ts'
import { grey } from '../pipeline/photos.ts'

const folder = mkdtempSync(join(tmpdir(), 'demo-run-'))
const photos = ['a.png', 'b.png'].map(name => join(folder, name))
const side = 64

beforeAll(async () => {
  for (const path of photos) await grey().png().toFile(path)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Two faces, the second of which is surer. */
const faces: Face[] = [50, 150].map((x, i) => {
  const landmarks = meanLandmarks(80).map(p => ({ x: p.x + x - 40, y: p.y + 60 }))
  return {
    box: { x: x - 30, y: 65, width: 60, height: 70 },
    score: 0.8 + 0.1 * i,
    landmarks,
    points: fivePoints(landmarks),
    roll: 0,
  }
})

const flat = (value: number): Image => ({
  width: side,
  height: side,
  data: new Uint8Array(3 * side * side).fill(value),
})
const cosines = { dlib: 0, faceres: 0, mobilefacenet: 0 }
const made = <T>(result: T) => ({ result, seconds: 1 })

/** Workers whose work on a face takes as long as `pause` says of its priority. */
function workers(pause: (priority: number) => number): FaceWorkers {
  const late = async <T>(priority: number | undefined, result: T): Promise<T> => {
    await sleep(pause(priority!))
    return result
  }
  return {
    detect: async () => faces,
    detectSsd: async () => faces,
    search: () => Promise.reject(new Error('the demonstration searches otherwise')),
    embed: () => Promise.reject(new Error('the demonstration checks nothing')),
    protect: ({ index }, { task, samples }, options) =>
      late(
        options!.priority,
        made(Array.from({ length: samples }, (_, i) => flat(task === 'hide' ? 200 : 40 * index + i))),
      ),
    key: ({ index, transform }, _recipe, options) => {
      const key: UnboundKey = {
        face: index,
        transform,
        model: { name: 'none', sha256: '0'.repeat(64) },
        recipe: { steps: 2 },
        shapes: { embeddings: [1, 1], latent: [1, 1, 1] },
        embeddings: Float32Array.of(index),
        latent: Float32Array.of(1),
      }
      return late(options!.priority, made(key))
    },
    recover: (_model, key, options) => late(options!.priority, made(flat(60 + 10 * key.face))),
    compare: (images, options) =>
      late(
        options!.priority,
        images.slice(1).map(() => cosines),
      ),
  }
}

const outOf = (name: string) => join(folder, name)

async function demonstrate(
  name: string,
  pause: (priority: number) => number,
  changed: Partial<FaceWorkers> = {},
  onFirst?: (path: string) => void,
) {
  const out = outOf(name)
  const tools: DemoTools = {
    workers: { ...workers(pause), ...changed },
    jobs: 2,
    backend: 'wasm',
    imageSize: side,
    alignment: 'template',
    thresholds: await loadThresholds(),
    recipes: {
      anonymize: await loadRecipe('faces-128/anonymize', ['samples=2']),
      hide: await loadRecipe('faces-128/hide'),
    },
  }
  const told: number[] = []
  const metrics = await runDemo(tools, {
    photos,
    count: Number.POSITIVE_INFINITY,
    out,
    onFace: done => told.push(done),
    onProtected: (_seconds, path) => onFirst?.(path),
  })
  return { out, metrics, told }
}

test('faces that are done last first are in every picture and key in the order of the first', async () => {
  const first = await demonstrate('first', priority => 20 * priority)
  const last = await demonstrate('last', priority => 20 * (3 - priority))
  expect(last.told).toEqual([1, 2, 3, 4])
  expect(last.metrics.faces.map(({ photo, face }) => `${photo} ${face}`)).toEqual([
    'a.png 1',
    'b.png 1',
    'a.png 0',
    'b.png 0',
  ])
  expect(last.metrics.faces).toEqual(first.metrics.faces)
  const pictures = readdirSync(last.out).filter(name => /^[ab]\./.test(name))
  expect(pictures).toHaveLength(2 * (3 * 2 + 1))
  for (const name of pictures)
    expect(readFileSync(join(last.out, name)), name).toEqual(readFileSync(join(first.out, name)))
  expect((await readKeys(join(last.out, 'a.hidden.png.dpkey'))).map(({ face }) => face)).toEqual([1, 0])
})

test('the first anonymized photo waits neither for its hidden version nor for other photos', async () => {
  let resolve = () => {}
  const isProtected = new Promise<void>(done => {
    resolve = done
  })
  const made = workers(() => 1)
  const late: Partial<FaceWorkers> = {
    detect: async (photo, options) => {
      if (options!.priority! > 0) await isProtected
      return made.detect(photo, options)
    },
    protect: async (face, recipe, options) => {
      if (recipe.task === 'hide' || options!.priority! > 0) await isProtected
      return made.protect(face, recipe, options)
    },
  }
  const { out, told } = await demonstrate(
    'early',
    () => 1,
    late,
    path => {
      expect(existsSync(path)).toBe(true)
      expect(existsSync(`${path}.dpkey`)).toBe(true)
      expect(existsSync(join(outOf('early'), 'a.hidden.png'))).toBe(false)
      resolve()
    },
  )
  expect(told).toEqual([1, 2, 3, 4])
  expect(existsSync(join(out, 'a.hidden.png'))).toBe(true)
})

test('what the key on disk restores is the original, and a protected photo is not', async () => {
  const { out, metrics } = await demonstrate('recovered', () => 1)
  const original = await readImage(photos[0]!)
  const photo = async (name: string) => psnr(await readImage(join(out, name)), original)
  expect(await photo('a.anonymized-1.recovered.png')).toBeGreaterThan(45)
  expect(await photo('a.anonymized-1.png')).toBeLessThan(30)
  const [recovered, regenerated] = ['recovered', 'regenerated'].map(
    kind => metrics.faces[0]!.versions.find(version => version.kind === kind)!.psnr!,
  )
  expect(recovered).toBeGreaterThan(45)
  expect(regenerated).toBeLessThan(30)
})

test('one failed piece of work ends the run, with its reason', async () => {
  const failing = demonstrate('failed', () => 5, {
    protect: async (_face, _recipe, options) => {
      await sleep(5)
      if (options!.priority === 2) throw new UserError('expected more memory')
      return made([flat(1), flat(2)])
    },
  })
  await expect(failing).rejects.toThrow('expected more memory')
})
