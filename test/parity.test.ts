/** The golden files of this repository on wasm, and on tensorflow where it is usable. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { availableBackends, useBackend } from '../src/backend/index.ts'
import { checkGolden, passes } from '../src/parity/checkers.ts'

const load = async (name: string) =>
  JSON.parse(await readFile(fileURLToPath(new URL(`./golden/${name}.json`, import.meta.url)), 'utf8'))

const usable = (await availableBackends()).filter(({ usable }) => usable).map(({ name }) => name)
const fast = (['tensorflow', 'wasm'] as const).filter(name => usable.includes(name))

const small = ['schedule', 'unet-tiny', 'vae-tiny', 'clip-vision-tiny', 'clip-text-tiny', 'msi-tiny', 'lpips-distances']
/** Hold networks at full size: on the fastest backend only, as `npm run parity` covers every one. */
const large = ['pipeline-tiny', 'fid-inception']

describe.each(fast)('golden files on %s', backend => {
  it.each(backend === fast[0] ? [...small, ...large] : small)('%s', async name => {
    await useBackend(backend)
    const before = tf.memory().numTensors
    const checks = await checkGolden(await load(name), load)
    expect(checks.length).toBeGreaterThan(1)
    expect(checks.filter(check => !passes(check))).toEqual([])
    expect(tf.memory().numTensors).toBe(before)
  })
})
