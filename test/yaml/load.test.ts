import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import * as z from 'zod'
import { UserError } from '../../src/util/errors.ts'
import { loadConfig } from '../../src/yaml/load.ts'

const folder = mkdtempSync(join(tmpdir(), 'config-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

const schema = z.strictObject({
  name: z.string().default('unnamed'),
  train: z
    .strictObject({
      steps: z.int().min(1).default(100),
      rate: z.number().default(1e-4),
      optimizer: z.enum(['adam', 'sgd']).default('adam'),
      resume: z.boolean().optional(),
    })
    .prefault({}),
  layers: z.array(z.strictObject({ width: z.int() })).default([]),
  guide: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('identity'), recognizer: z.string() }),
      z.strictObject({ kind: z.literal('diversity'), weight: z.number() }),
    ])
    .optional(),
})

async function refusal(sources: Parameters<typeof loadConfig>[1]): Promise<string> {
  const error = await loadConfig(schema, sources).then(
    () => expect.fail('the config was accepted'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(UserError)
  const { message } = error as UserError
  expect(message).not.toContain('\n')
  return message.replaceAll(`${folder}/`, '')
}

test('defaults, base, extended files, the file and overrides, each laid upon the one before', async () => {
  file('innermost.yaml', 'name: innermost\ntrain: {steps: 1, rate: 1e-3}\nlayers: [{width: 1}, {width: 2}]\n')
  file('inner.yaml', 'extends: innermost.yaml\ntrain:\n  steps: 2\n')
  const path = file('outer.yaml', '# a comment\nextends: ./inner.yaml\nlayers: [{width: 3}]\n')
  const base = { name: 'base', train: { optimizer: 'sgd', rate: 5 } }
  const config = await loadConfig(schema, { path, base, overrides: ['train.resume=true', 'layers.0.width=4'] })
  expect(config).toEqual({
    name: 'innermost',
    train: { steps: 2, rate: 1e-3, optimizer: 'sgd', resume: true },
    layers: [{ width: 4 }],
  })
  expect(JSON.parse(JSON.stringify(config))).toEqual(config)
  expect(base).toEqual({ name: 'base', train: { optimizer: 'sgd', rate: 5 } })
})

test('nothing at all, and an empty file, are the defaults', async () => {
  const defaults = { name: 'unnamed', train: { steps: 100, rate: 1e-4, optimizer: 'adam' }, layers: [] }
  expect(await loadConfig(schema)).toEqual(defaults)
  expect(await loadConfig(schema, { path: file('empty.yaml', '# nothing yet\n') })).toEqual(defaults)
})

test('the value of an override is YAML, and may hold =', async () => {
  const overrides = ['name=a=b', 'train.rate=1e-2', 'train.resume=false', 'layers=[{width: 5}, {width: 6}]']
  expect(await loadConfig(schema, { overrides })).toMatchObject({
    name: 'a=b',
    train: { rate: 0.01, resume: false },
    layers: [{ width: 5 }, { width: 6 }],
  })
  expect((await loadConfig(schema, { overrides: ["name='12'"] })).name).toBe('12')
})

test('an unknown key: the file that holds it, the dotted key, near names', async () => {
  file('typo.yaml', 'train: {stpes: 3}\n')
  const path = file('extends-typo.yaml', 'extends: typo.yaml\nname: x\n')
  expect(await refusal({ path })).toBe("typo.yaml: 'train.stpes' is not a known key (nearest: 'steps')")
  expect(await refusal({ overrides: ['trian.steps=3'] })).toBe(
    "--set trian.steps=3: 'trian' is not a known key (nearest: 'train')",
  )
  expect(await refusal({ base: { layers: [{ width: 1 }, { width: 1, wdth: 2 }] } })).toBe(
    "the built-in config: 'layers.1.wdth' is not a known key (nearest: 'width')",
  )
})

test('an unknown key like no other: the valid names', async () => {
  expect(await refusal({ overrides: ['train.qqqqqqqqq=3'] })).toContain('(valid: steps, rate, optimizer, resume)')
})

test('an unknown key in a union: the names of the alternative that was chosen', async () => {
  const message = await refusal({ overrides: ['guide={kind: diversity, weight: 1, wieght: 1}'] })
  expect(message).toContain("'guide.wieght' is not a known key (nearest: 'weight')")
  expect(await refusal({ overrides: ['guide={kind: diversity, weight: 1, recogniser: x}'] })).toContain('(valid: kind')
})

test('a wrong type or value: expected and found', async () => {
  expect(await refusal({ path: file('wrong.yaml', 'train: {steps: many}\n') })).toBe(
    "wrong.yaml: 'train.steps': expected a number, found 'many'",
  )
  expect(await refusal({ overrides: ['train.steps=1.5'] })).toContain('expected a whole number, found 1.5')
  expect(await refusal({ overrides: ['train.steps=0'] })).toContain("'train.steps': expected number to be >=1, found 0")
  expect(await refusal({ overrides: ['train=5'] })).toContain("'train': expected a mapping, found 5")
  expect(await refusal({ overrides: ['layers={}'] })).toContain("'layers': expected a list, found a mapping")
  expect(await refusal({ overrides: ['name='] })).toContain("'name': expected a string, found null")
  expect(await refusal({ overrides: ['train.optimizer=adma'] })).toContain(
    "expected 'adam' or 'sgd', found 'adma' (nearest: 'adam')",
  )
})

test('a missing key', async () => {
  const path = file('missing.yaml', 'guide: {kind: identity}\n')
  expect(await refusal({ path })).toBe("missing.yaml: 'guide.recognizer' is missing: expected a string")
})

test('of many problems three are listed and the others counted', async () => {
  const message = await refusal({ path: file('many.yaml', 'name: 1\ntrain: {rate: x, steps: 0}\na: 1\nb: 2\n') })
  expect(message.split('; ')).toHaveLength(4)
  expect(message).toMatch(/; and 2 more$/)
})

test('a circle of files', async () => {
  file('a.yaml', 'extends: b.yaml\n')
  const path = file('b.yaml', 'extends: a.yaml\n')
  expect(await refusal({ path })).toMatch(/'extends' comes back to this file \(b\.yaml -> a\.yaml -> b\.yaml\)/)
})

test('files that are not there, or no config', async () => {
  expect(await refusal({ path: join(folder, 'none.yaml') })).toBe(
    'expected a config file at none.yaml: there is no such file',
  )
  expect(await refusal({ path: file('orphan.yaml', 'extends: none.yaml\n') })).toBe(
    'expected a config file at none.yaml, which orphan.yaml extends: there is no such file',
  )
  expect(await refusal({ path: dirname(folder) })).toContain('a folder, not a regular file')
  expect(await refusal({ path: file('list.yaml', '- 1\n- 2\n') })).toContain('expected a mapping of keys to values')
  expect(await refusal({ path: file('bad.yaml', 'a: [1\nb: 2\n') })).toMatch(/^bad\.yaml: expected YAML: .* line 2/)
  expect(await refusal({ path: file('twice.yaml', 'name: a\nname: b\n') })).toMatch(/^twice\.yaml: .*unique.* line 2/)
  expect(await refusal({ path: file('two-parents.yaml', 'extends: [a.yaml]\n') })).toContain('the name of one file')
})

test('an override that is none', async () => {
  for (const override of ['train', '=3', 'train..steps=3'])
    expect(await refusal({ overrides: [override] })).toBe(
      `expected an override such as train.steps=100, found '${override}'`,
    )
})

test('a key named __proto__ is a key like any other', async () => {
  expect(await refusal({ overrides: ['__proto__.steps=3'] })).toContain("'__proto__' is not a known key")
  expect(await refusal({ path: file('proto.yaml', '__proto__: {steps: 3}\n') })).toContain('not a known key')
  expect(({} as { steps?: number }).steps).toBeUndefined()
})

test.each([
  ['brackets without end', '['.repeat(60_000), /at most 64 levels, found 60000/],
  ['blocks in blocks', Array.from({ length: 100 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), /at most 64 levels/],
  ['keys of keys of keys', `a: 1\n${'? '.repeat(600)}x: y\n`, /at most 64 levels, found 600/],
  ['a list in itself', 'a: &a [*a]', /at most 64 levels/],
  [
    'lists of lists of lists',
    `a: &a [1]\n${[...'bcdefghi'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`)}]`).join('\n')}`,
    /alias count/,
  ],
  ['a megabyte', `a: ${'x'.repeat(2 ** 20)}`, /at most 65536 characters, found 1048579/],
])('YAML that would take all time or memory: %s', { timeout: 20_000 }, async (_, text, message) => {
  const path = join(folder, 'large.yaml')
  writeFileSync(path, text)
  const error = await loadConfig(z.record(z.string(), z.unknown()), { path }).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(UserError)
  expect((error as Error).message).toMatch(message)
  expect((error as Error).message).not.toContain('\n')
})
