import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { UserError } from '../../src/util/errors.ts'
import { readTensors } from '../../src/weights/open.ts'
import { type BrokenFile, brokenFiles } from './broken-files.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broken-'))
})
afterAll(() => rm(folder, { recursive: true }))

const megabytes = 2 ** 20

interface Outcome {
  readonly name: string
  readonly error: unknown
  /** Seconds of this process's work. */
  readonly seconds: number
  /** What the process holds more than before, the file's own bytes not counted. */
  readonly bytes: number
}

async function outcomeOf({ name, files }: BrokenFile, index: number): Promise<Outcome> {
  const own = join(folder, String(index))
  await mkdir(own)
  for (const [file, bytes] of Object.entries(files)) await writeFile(join(own, file), bytes)
  const size = Object.values(files).reduce((sum, { length }) => sum + length, 0)
  const [memory, time] = [process.memoryUsage().rss, process.cpuUsage()]
  const error: unknown = await readTensors(join(own, 'model')).then(
    () => 'it was read',
    reason => reason,
  )
  const { user, system } = process.cpuUsage(time)
  await rm(own, { recursive: true })
  return { name, error, seconds: (user + system) / 1e6, bytes: process.memoryUsage().rss - memory - size }
}

function sumOf(broken: readonly BrokenFile[]): string {
  const hash = createHash('sha256')
  for (const { name, files } of broken) {
    hash.update(name)
    for (const bytes of Object.values(files)) hash.update(bytes)
  }
  return hash.digest('hex')
}

describe('broken files', () => {
  it('are 200 and more, all different, and the same ones every time', () => {
    const files = brokenFiles('canary')
    expect(files.length).toBeGreaterThanOrEqual(200)
    expect(new Set(files.map(({ name }) => name)).size).toBe(files.length)
    expect(sumOf(brokenFiles('canary'))).toBe(sumOf(files))
  })

  it('end in one line each, without any code run, much memory or a long time', async () => {
    const canary = join(folder, 'canary')
    const outcomes: Outcome[] = []
    for (const [index, file] of brokenFiles(canary).entries()) outcomes.push(await outcomeOf(file, index))

    const unclean = outcomes.filter(
      ({ error }) => !(error instanceof UserError) || error.message.includes('\n') || error.message.length > 1000,
    )
    expect(unclean.map(({ name, error }) => [name, error])).toEqual([])
    expect(existsSync(canary)).toBe(false)
    expect(outcomes.filter(({ seconds }) => seconds > 10).map(({ name, seconds }) => [name, seconds])).toEqual([])
    expect(outcomes.filter(({ bytes }) => bytes > 256 * megabytes).map(({ name, bytes }) => [name, bytes])).toEqual([])
  })

  it('that call something are refused by its name', async () => {
    const hostile = brokenFiles('canary').filter(({ name }) => /^pickle: calls \w+[\w.]*\.\w+$/.test(name))
    expect(hostile.length).toBeGreaterThan(20)
    for (const [index, file] of hostile.entries()) {
      const { name, error } = await outcomeOf(file, index)
      expect((error as Error).message).toContain(`'${name.slice('pickle: calls '.length)}', which is refused`)
    }
  })
})
