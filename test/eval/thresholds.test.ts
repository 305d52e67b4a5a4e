import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { loadThresholds, recognizerNames, thresholdsPath } from '../../src/faces/recognizers.ts'
import { UserError } from '../../src/util/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'thresholds-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('the thresholds of the repository are of every recognizer, at one false accept rate, above chance', async () => {
  const thresholds = await loadThresholds(thresholdsPath)
  expect(Object.keys(thresholds).sort()).toEqual([...recognizerNames].sort())
  for (const { far, tar, tarInterval, threshold, impostorPairs } of Object.values(thresholds)) {
    expect(far).toBe(0.001)
    expect(threshold).toBeGreaterThan(0)
    expect(impostorPairs).toBeGreaterThan(1_000_000)
    expect(tar).toBeGreaterThan(0.8)
    expect(tarInterval[0]).toBeLessThan(tar)
    expect(tarInterval[1]).toBeGreaterThan(tar)
  }
})

it('says which command makes them when they are absent or something else', async () => {
  await expect(loadThresholds(join(folder, 'none.json'))).rejects.toThrow(
    /found no file: .*diff-privacy evaluate thresholds/,
  )
  const other = join(folder, 'other.json')
  writeFileSync(other, '{"dlib": {}}')
  await expect(loadThresholds(other)).rejects.toThrow(UserError)
  await expect(loadThresholds(other)).rejects.toThrow(/found something else: .*diff-privacy evaluate thresholds/)
})
