import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkedBy } from '../../src/pipeline/photo-record.ts'
import { recordRun, softwareOf } from '../../src/pipeline/run-record.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'checked-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function record(check: boolean, output: string, guide: string | string[] = ['dlib', 'faceres']) {
  const sum = '0'.repeat(64)
  await recordRun(folder, {
    format: 1,
    command: 'anonymize',
    settings: { check, recipe: { guide } },
    weights: { 'faces-1024': sum, dlib: sum, ...(check && { mobilefacenet: sum }) },
    software: await softwareOf('wasm'),
    inputs: [],
    outputs: [{ path: output, sha256: sum }],
  })
}

test('a recognizer that checked pictures is told from those that guided them, and from none', async () => {
  expect(await checkedBy(folder)).toEqual([])
  await record(false, 'a.png')
  expect(await checkedBy(folder)).toEqual([])
  await record(true, 'b.png')
  expect(await checkedBy(folder)).toEqual(['mobilefacenet'])
})

test('one that guided is no checker', async () => {
  await record(true, 'a.png', 'mobilefacenet')
  expect(await checkedBy(folder)).toEqual(['dlib'])
})
