import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { readNote, type Score, saveCheckpoint, type TrainingState } from '../../src/train/checkpoint.ts'
import { keepCheckpoint } from '../../src/train/keep.ts'

/** What the disk was asked, in order; without hard links when `linkless`. */
const disk = vi.hoisted(() => ({ linkless: false, asked: [] as string[] }))
vi.mock('node:fs/promises', async original => {
  const fs = await original<typeof import('node:fs/promises')>()
  const open: typeof fs.open = async (path, ...rest) => {
    const file = await fs.open(path, ...rest)
    const sync = file.sync.bind(file)
    file.sync = async () => {
      await sync()
      disk.asked.push(`sync ${path}`)
    }
    return file
  }
  const link: typeof fs.link = async (...paths) => {
    if (disk.linkless) throw Object.assign(new Error('no links here'), { code: 'EPERM' })
    await fs.link(...paths)
  }
  const rename: typeof fs.rename = async (from, to) => {
    await fs.rename(from, to)
    disk.asked.push(`rename ${from}`)
  }
  return { ...fs, open, link, rename }
})

const state: TrainingState = { weights: {}, average: {}, first: {}, second: {} }
const over = 'validation'

let folder: string
beforeAll(() => useBackend('cpu'))
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keep-'))
})
afterEach(async () => {
  disk.linkless = false
  disk.asked = []
  await rm(folder, { recursive: true })
})

/** Keeps a checkpoint of each score in turn. @returns the step of the best one */
async function best(scores: readonly (Score | undefined)[]): Promise<number | undefined> {
  for (const [i, score] of scores.entries()) await keepCheckpoint(folder, state, { step: i + 1, config: {}, score }, 9)
  return (await readNote(join(folder, 'best.safetensors')))?.step
}

it('a score that is not finite is never the best one', async () => {
  expect(await best([{ loss: Number.NaN, over }])).toBeUndefined()
  const later = [3, Number.NaN, 2, Number.NEGATIVE_INFINITY, 2.5].map(loss => ({ loss, over }) as const)
  expect(await best(later)).toBe(3)
  expect(await best([{ loss: Number.NaN, over: 'training' }])).toBe(3)
})

it('a best checkpoint without a finite score, of an earlier version, gives way', async () => {
  const path = join(folder, 'best.safetensors')
  await saveCheckpoint(path, state, { step: 1, config: {}, score: { loss: Number.NaN, over } })
  expect((await readNote(path))!.score).toEqual({ loss: null, over })
  expect(await best([undefined, { loss: 9, over }])).toBe(2)
})

it('a copy, where the disk knows no further names of a file, is on it before it has its own', async () => {
  disk.linkless = true
  expect(await best([{ loss: 1, over }])).toBe(1)
  const places = disk.asked.map(line => line.replace(/ .*\.(step|best|last)(-000001)?\.safetensors\..*\.tmp$/, ' $1'))
  expect(places).toEqual(['step', 'best', 'last'].flatMap(name => [`sync ${name}`, `rename ${name}`]))
  const [wanted, ...copies] = await Promise.all(
    ['step-000001', 'best', 'last'].map(name => readFile(join(folder, `${name}.safetensors`))),
  )
  for (const copy of copies) expect(copy.equals(wanted!)).toBe(true)
})
