import { spawnSync } from 'node:child_process'
import * as tf from '@tensorflow/tfjs'
import { afterEach, describe, expect, it } from 'vitest'
import {
  availableBackends,
  type BackendName,
  backendNames,
  releaseBackend,
  useBackend,
} from '../../src/backend/index.ts'
import { UserError } from '../../src/util/errors.ts'

const available = await availableBackends()

afterEach(releaseBackend)

describe('availableBackends', () => {
  it('tells of every backend, fastest first, and loads no library for it', () => {
    expect(available.map(({ name }) => name)).toEqual(backendNames)
    expect(Object.keys(tf.engine().registryFactory)).not.toContain('tensorflow')
    for (const { reason } of available) expect(reason).not.toBe('')
  })

  it('says what to do about each one that cannot be used', () => {
    for (const { usable, reason } of available) if (!usable) expect(reason).toMatch(/run npm|choose|install/)
  })

  it('finds wasm and cpu wherever npm install ran', () => {
    const usable = available.filter(b => b.usable).map(b => b.name)
    expect(usable).toEqual(expect.arrayContaining(['wasm', 'cpu']))
  })
})

describe('useBackend', () => {
  it('takes the fastest usable one by itself, and never one that is only for use by name', async () => {
    const expected = available.find(b => b.usable && b.automatic !== false)!.name
    expect(await useBackend()).toBe(expected)
    expect(await useBackend('auto')).toBe(expected)
  })

  it('makes the chosen one current', async () => {
    expect(await useBackend('wasm')).toBe('wasm')
    expect(tf.getBackend()).toBe('wasm')
    expect(await useBackend('cpu')).toBe('cpu')
    expect(tf.getBackend()).toBe('cpu')
  })

  it('lists the backends when it does not know the name', async () => {
    const choice = useBackend('cuda' as BackendName)
    await expect(choice).rejects.toThrow(UserError)
    await expect(choice).rejects.toThrow(
      "expected a backend out of auto, tensorflow-gpu, webgpu, tensorflow, wasm, cpu, found 'cuda': choose one of these",
    )
  })

  it('refuses each unusable one in one line with the reason', async () => {
    for (const { name, usable, reason } of available) {
      if (usable) continue
      const error = await useBackend(name).catch(e => e)
      expect(error).toBeInstanceOf(UserError)
      expect(error.message).toBe(`backend '${name}' cannot be used here: ${reason}`)
      expect(error.message).not.toContain('\n')
    }
  })
})

describe('webgpu', () => {
  const { usable, reason } = available.find(b => b.name === 'webgpu')!

  it('computes and then lets Node exit where there is an adapter, and says why not otherwise', () => {
    if (!usable) {
      console.log(`webgpu is not run: ${reason}`)
      expect(reason).not.toBe('')
      return
    }
    const program = `
      import * as tf from '@tensorflow/tfjs'
      import { releaseBackend, useBackend } from './src/backend/index.ts'
      await useBackend('webgpu')
      console.log((await tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).data()).join())
      await releaseBackend()`
    const { status, stdout } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', program],
      { encoding: 'utf8', timeout: 60_000, env: { ...process.env, WEBGPU_CPU_FORWARD: 'false' } },
    )
    expect(stdout.trim()).toBe('3,3,3,3')
    expect(status).toBe(0)
  })
})
