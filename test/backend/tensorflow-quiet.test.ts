import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { availableBackends } from '../../src/backend/index.ts'

const { usable, reason } = (await availableBackends()).find(({ name }) => name === 'tensorflow')!
if (!usable) console.log(`TensorFlow's start-up lines are not looked for: ${reason}`)

/** What a process prints on standard error that starts TensorFlow, computes, and then prints a line itself. */
function startedWith(env: Readonly<Record<string, string>>): string {
  const program = `
    import { useBackend } from './src/backend/index.ts'
    import * as tf from '@tensorflow/tfjs'
    await useBackend('tensorflow')
    console.error(tf.sum([1, 2]).dataSync()[0])`
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  expect(status).toBe(0)
  return stderr
}

describe.runIf(usable)('the tensorflow backend', () => {
  it("starts without the library's own lines, and what is printed later is seen", () => {
    expect(startedWith({ TF_CPP_MIN_LOG_LEVEL: '2' })).toBe('3\n')
  })

  it('uses oneDNN on every processor, unless the environment says otherwise', () => {
    const everyLine = { TF_CPP_MIN_LOG_LEVEL: '0' }
    expect(startedWith(everyLine)).toMatch(/oneDNN custom operations are on/)
    expect(startedWith({ ...everyLine, TF_ENABLE_ONEDNN_OPTS: '0' })).not.toMatch(/oneDNN custom operations are on/)
  })
})
