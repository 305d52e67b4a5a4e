import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { all } from '../../src/tracking/tracker.ts'
import { train } from '../../src/train/loop.ts'
import { usableBackends } from '../models/backends.ts'
import { toyOptions, toyTask } from './toy.ts'

/** MEMORY_STEPS=2000 makes the numbers of docs/training.md. */
const steps = Number(process.env.MEMORY_STEPS ?? 200)

interface Reading {
  step: number
  tensors: number
  bytes: number
  /** Of the whole process, in MiB. */
  resident: number
}

describe.each(usableBackends)('training on %s', backend => {
  it(`keeps its memory over ${steps} steps`, { timeout: 1_200_000 }, async () => {
    await useBackend(backend)
    const folder = await mkdtemp(join(tmpdir(), 'memory-'))
    const readings: Reading[] = []
    const every = steps / 10
    const weights = await train(
      toyTask(),
      { ...toyOptions(steps), checkpointEvery: every, logEvery: every },
      {
        folder,
        config: {},
        description: { name: 'memory', params: {}, tags: {}, compared: [] },
        tracker: all([]),
        onReport({ step }) {
          const { numTensors, numBytes } = tf.memory()
          readings.push({ step, tensors: numTensors, bytes: numBytes, resident: process.memoryUsage.rss() / 2 ** 20 })
        },
      },
    )
    tf.dispose(Object.values(weights))
    await rm(folder, { recursive: true })
    console.log(
      readings
        .map(({ step, tensors, resident }) => `${backend} ${step} ${tensors} ${resident.toFixed(0)} MiB`)
        .join('\n'),
    )
    // After the last step no further batch is being made.
    const settled = readings.slice(1, -1)
    expect(new Set(settled.map(({ tensors, bytes }) => `${tensors} tensors, ${bytes} bytes`)).size).toBe(1)
    const residents = settled.map(({ resident }) => resident)
    expect(Math.max(...residents.slice(-3)) - Math.min(...residents.slice(0, 3))).toBeLessThan(100)
  })
})
