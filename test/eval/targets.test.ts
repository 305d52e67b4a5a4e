import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Evaluation, Row } from '../../src/eval/evaluation.ts'
import { metricsOf } from '../../src/eval/protocols.ts'
import { loadTargets, targetLines, targetsMarkdown, targetsOf } from '../../src/eval/targets.ts'

const root = mkdtempSync(join(tmpdir(), 'targets-'))
afterAll(() => rmSync(root, { recursive: true }))

const common = { method: 'ours', group: 'identity', version: 'protected', n: 200, interval: [0, 0.03] } as const
const accepted = {
  ...common,
  definition: 'tar-at-far',
  of: 'original and protected',
  alignment: 'original',
  far: 1e-3,
} as const
const values: Row[] = [
  { ...accepted, value: 0.02, recognizer: 'mobilefacenet', role: 'judge' },
  { ...accepted, value: 0, recognizer: 'dlib', role: 'guide' },
  { ...accepted, value: 0.5, recognizer: 'mobilefacenet', role: 'judge', far: 1e-2 },
  { ...accepted, value: 0.5, recognizer: 'mobilefacenet', role: 'judge', alignment: 'own' },
  { ...accepted, value: 0.5, recognizer: 'mobilefacenet', role: 'judge', of: 'original and protected of two people' },
  { ...common, definition: 'skin-tone', value: -2, of: 'L*, dark' },
  { ...common, definition: 'skin-tone', value: -9, of: 'a*, dark' },
  { ...common, definition: 'skin-tone', value: 4, of: 'absolute L*, dark' },
]
const definition = { name: '', text: '', source: '' }
const evaluation = {
  method: 'ours',
  values,
  pictures: 200,
  people: 200,
  guides: ['dlib'],
  definitions: [
    { ...definition, id: 'tar-at-far', unit: 'share, 0..1' },
    { ...definition, id: 'skin-tone', unit: 'CIE L*' },
  ],
} as unknown as Evaluation

test('the project’s own targets are about what is measured', async () => {
  const targets = await loadTargets(targetsOf('anonymize')!)
  const also = new Set(targets.targets.map(({ definition }) => definition))
  const measured = new Set(
    metricsOf('protected', { attacks: false, also }).flatMap(({ definitions }) => definitions.map(({ id }) => id)),
  )
  for (const { definition } of targets.targets) expect(measured, definition).toContain(definition)
  expect(targetsOf('nothing')).toBeUndefined()
})

test('each target shows every value that it is about, and those alone; guides stand apart', async () => {
  const path = join(root, 'targets.yaml')
  writeFileSync(
    path,
    `title: Aims
targets:
  - { what: accepted, definition: tar-at-far, of: "original and {version}", atMost: 0.01 }
  - { what: skin, definition: skin-tone, of: "L*, *", atLeast: -3, atMost: 3, digits: 1 }
  - { what: skin, definition: skin-tone, of: "absolute L*, *", atMost: 3, digits: 1 }
  - { what: gaze, definition: gaze, atMost: 8 }
`,
  )
  const lines = targetLines(await loadTargets(path), evaluation, 'protected')
  expect(lines.map(({ row, reached }) => [row?.value, reached])).toEqual([
    [0.02, false],
    [0, true],
    [-2, true],
    [4, false],
    [undefined, undefined],
  ])
  const page = targetsMarkdown('Aims', lines, evaluation)
  const [held, whiteBox] = page.split('## White box')
  expect(held).toContain('| accepted | mobilefacenet | 2.0 % (0.0 to 3.0) | 200 | at most 1 % | **no** |')
  expect(held).toContain('| skin: L*, dark | pixels | -2.0 (0.0 to 0.0) | 200 | -3 to 3 | yes |')
  expect(held).toContain('| gaze |  | not measured |  | at most 8 |  |')
  expect(held).toContain('1 of 3 aims are reached')
  expect(held).not.toContain('dlib |')
  expect(whiteBox).toContain('| accepted | dlib | 0.0 %')
})

test('a file that is not as it should be is refused', async () => {
  await expect(loadTargets(join(root, 'none.yaml'))).rejects.toThrow('found none')
  const path = join(root, 'wrong.yaml')
  writeFileSync(path, 'title: Aims\ntargets:\n  - { what: gaze, definiton: gaze }\n')
  await expect(loadTargets(path)).rejects.toThrow('definiton')
})
