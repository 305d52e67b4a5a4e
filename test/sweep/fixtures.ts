/** A sweep on a store of small made-up faces, and a pool that measures nothing. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { stringify } from 'yaml'
import { recognizerNames } from '../../src/faces/recognizers.ts'
import { type Jobs, JobsClosed, type Run, withMap } from '../../src/jobs/jobs.ts'
import type { PointResult, PointTask } from '../../src/sweep/point.ts'

/** Writes a prepared store of `count` people, one face each, of plain colours. @returns its folder */
export function makeStore(folder: string, count = 4, size = 16): string {
  const path = join(folder, 'faces')
  const bytes = Buffer.alloc(count * size * size * 3)
  for (let i = 0; i < bytes.length; i++) bytes[i] = 60 * Math.floor(i / (size * size * 3)) + (i % 3) * 20
  mkdirSync(path, { recursive: true })
  const entries = Array.from({ length: count }, (_, i) => ({ id: `person ${i}/1.jpg`, identity: `person ${i}` }))
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  writeFileSync(join(path, 'faces.u8'), bytes)
  writeFileSync(join(path, 'index.json'), JSON.stringify({ size, sha256, entries }))
  return path
}

/** Writes a sweep's file. @returns its path */
export function writeSweep(folder: string, more: object): string {
  const path = join(folder, 'sweep.yaml')
  const base = {
    title: 'A sweep of the tests',
    task: 'anonymize',
    faces: { from: join(folder, 'faces'), count: 2 },
    axes: { lambda: { keys: ['guidance.above', 'guidance.below'], values: [1, 2, 4] }, threshold: [400, 600] },
    privacy: { lower: 'cosine.faceres' },
    utility: { higher: 'detection' },
  }
  writeFileSync(path, stringify({ ...base, ...more }))
  return path
}

const picture = await sharp({ create: { width: 16, height: 16, channels: 3, background: '#888' } })
  .png()
  .toBuffer()

/** A result as a function of lambda and the threshold: stronger guidance is more private and less useful. */
export function pretend({ recipe, faces }: PointTask): PointResult {
  const { above } = recipe.guidance
  const numbers: Record<string, number> = {
    'cosine.dlib': 0.8 / above,
    'cosine.faceres': 1 / above + recipe.threshold / 10_000,
    'accepted.faceres': above < 2 ? 1 : 0,
    detection: 1 - above / 10,
    seconds: 2,
  }
  const measures = Object.entries(numbers).map(([name, value]) => {
    const recognizer = recognizerNames.find(known => name.endsWith(known))
    const role = recognizer && { role: recognizer === recipe.guide ? ('guide' as const) : ('judge' as const) }
    return { name, value, n: faces.count, interval: [value - 0.05, value + 0.05] as const, ...role }
  })
  return {
    measures,
    faces: Array.from({ length: faces.count }, (_, i) => ({
      id: `person ${i}/1.jpg`,
      scores: Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, [value + i / 100]])),
      pictures: Array.from({ length: recipe.samples }, () => picture.toString('base64')),
    })),
    software: { version: '0', node: '20', tfjs: '4', backend: 'cpu', backendVersion: '4', platform: 'test' },
    weights: { tiny: '0'.repeat(64) },
  }
}

export interface PretendPool extends Jobs {
  /** What it was asked, in order. */
  readonly asked: PointTask[]
}

/** Answers at once with `answer`, or never when that is undefined. */
export function pretendPool(answer: (task: PointTask) => PointResult | undefined = pretend, slots = 1): PretendPool {
  const asked: PointTask[] = []
  const held: ((reason: Error) => void)[] = []
  const run = async (_: unknown, input: PointTask) => {
    asked.push(input)
    const result = answer(input)
    return result ?? new Promise((_, reject) => held.push(reject))
  }
  const jobs = withMap({
    slots,
    run: run as Run,
    async close() {
      for (const reject of held.splice(0)) reject(new JobsClosed())
    },
  })
  return { ...jobs, asked }
}
