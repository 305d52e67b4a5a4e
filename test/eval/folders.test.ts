import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { EvalSet, type VariantFolders } from '../../src/eval/eval-set.ts'
import { FeatureCache } from '../../src/eval/features/cache.ts'
import { listSamples } from '../../src/eval/folders.ts'
import { readManifest } from '../../src/eval/manifest.ts'
import { variantsOf } from '../../src/eval/variants.ts'
import { blocks, writeFolder } from './procedural.ts'

const root = mkdtempSync(join(tmpdir(), 'folders-'))
afterAll(() => rmSync(root, { recursive: true }))

const cache = await FeatureCache.open(join(root, 'cache'))
const protectedIn = (folder: string): VariantFolders[] => [{ name: 'protected', kind: 'protected', folders: [folder] }]

test('sub-folders say who is who; without them each picture is a person, and that is known', async () => {
  const originals = await writeFolder(join(root, 'people'), {
    'ada/1': blocks(32, 1),
    'ada/2': blocks(32, 2),
    'bea/1': blocks(32, 3),
  })
  const evalSet = await EvalSet.open({ originals, versions: protectedIn(originals) }, cache)
  expect(evalSet.cases.map(({ identity }) => identity)).toEqual(['ada', 'ada', 'bea'])
  expect(evalSet.identitiesKnown).toBe(true)
  const flat = await writeFolder(join(root, 'flat'), { a: blocks(32, 1), b: blocks(32, 2) })
  const unknown = await EvalSet.open({ originals: flat, versions: protectedIn(flat) }, cache)
  expect(unknown.cases.map(({ identity }) => identity)).toEqual(['a', 'b'])
  expect(unknown.identitiesKnown).toBe(false)
})

test('folders that do not match are refused with the names', async () => {
  const originals = await writeFolder(join(root, 'o'), { a: blocks(32, 1), b: blocks(32, 2) })
  const other = await writeFolder(join(root, 'p'), { a: blocks(32, 1), c: blocks(32, 2) })
  await expect(EvalSet.open({ originals, versions: protectedIn(other) }, cache)).rejects.toThrow(
    /1 of .* are missing \(b\); 1 are not in .* \(c\)/,
  )
  const larger = await writeFolder(join(root, 'q'), { a: blocks(32, 1), b: blocks(64, 2) })
  await expect(EvalSet.open({ originals, versions: protectedIn(larger) }, cache)).rejects.toThrow(
    'b.png of 32 x 32 pixels as its original, found 64 x 64',
  )
  await expect(EvalSet.open({ originals: join(root, 'none'), versions: [] }, cache)).rejects.toThrow('found none')
})

test('a manifest says who is who, who guided, and must be of the same pictures', async () => {
  const originals = await writeFolder(join(root, 'm'), { a: blocks(32, 1), b: blocks(32, 2) })
  const path = join(root, 'manifest.json')
  const pictures = [
    { name: 'a', identity: 'ada' },
    { name: 'b', identity: 'ada' },
  ]
  writeFileSync(path, JSON.stringify({ method: 'theirs', task: 'hide', guides: ['dlib'], pictures }))
  const evalSet = await EvalSet.open(
    { originals, versions: protectedIn(originals), manifest: await readManifest(path) },
    cache,
  )
  expect(evalSet.cases.map(({ identity }) => identity)).toEqual(['ada', 'ada'])
  expect([evalSet.role('dlib'), evalSet.role('faceres')]).toEqual(['guide', 'judge'])
  writeFileSync(path, JSON.stringify({ method: 'theirs', task: 'hide', pictures: pictures.slice(1) }))
  const fewer = await readManifest(path)
  await expect(EvalSet.open({ originals, versions: [], manifest: fewer }, cache)).rejects.toThrow('the manifest')
  writeFileSync(path, JSON.stringify({ method: 'theirs', task: 'guess', pictures }))
  await expect(readManifest(path)).rejects.toThrow("found at 'task'")
  await expect(readManifest(join(root, 'no.json'))).rejects.toThrow('found no file')
})

test('a protocol asks for the folder that it is about, and controls for names of their own', () => {
  const none = { protected: [], control: [] }
  expect(() => variantsOf('anonymize', none)).toThrow('expected --protected')
  expect(() => variantsOf('recover', { ...none, protected: ['p'] })).toThrow('expected --recovered')
  expect(() => variantsOf('hide', { protected: ['p'], control: ['recovered=x'] })).toThrow('a name of its own')
  expect(() => variantsOf('hide', { protected: ['p'], control: ['wrong'] })).toThrow('NAME=DIR')
  expect(variantsOf('anonymize', { protected: ['p', 'p2'], recovered: 'r', control: ['wrong=w=1'] })).toEqual([
    { name: 'protected', kind: 'protected', folders: ['p', 'p2'] },
    { name: 'recovered', kind: 'recovered', folders: ['r'] },
    { name: 'wrong', kind: 'control', folders: ['w=1'] },
  ])
})

test('a folder may have the names that protecting and recovering give, all samples in one', async () => {
  const originals = await writeFolder(join(root, 'named'), { 'ada/1': blocks(32, 1), b: blocks(32, 2) })
  const samples = await writeFolder(join(root, 'named-p'), {
    'ada/1.anonymized-2': blocks(32, 3),
    'ada/1.anonymized-1': blocks(32, 4),
    'b.anonymized-1': blocks(32, 5),
    'b.anonymized-2': blocks(32, 6),
  })
  const evalSet = await EvalSet.open({ originals, versions: protectedIn(samples) }, cache)
  expect(evalSet.sampleCount('protected')).toBe(2)
  expect(evalSet.pictures('protected', 1).map(({ path }) => path)).toEqual([
    join(samples, 'ada/1.anonymized-2.png'),
    join(samples, 'b.anonymized-2.png'),
  ])
  const recovered = await writeFolder(join(root, 'named-r'), {
    'ada/1.hidden.recovered': blocks(32, 3),
    'b.hidden.recovered': blocks(32, 4),
  })
  expect([...(await listSamples(recovered, ['ada/1', 'b']))[0]!.keys()]).toEqual(['ada/1', 'b'])
  const incomplete = await writeFolder(join(root, 'named-i'), { 'ada/1.anonymized': blocks(32, 3) })
  await expect(EvalSet.open({ originals, versions: protectedIn(incomplete) }, cache)).rejects.toThrow(
    /1 of .* are missing \(b\)/,
  )
  const two = await writeFolder(join(root, 'named-t'), { 'b.anonymized': blocks(32, 1), 'b.hidden': blocks(32, 2) })
  await expect(listSamples(two, ['b'])).rejects.toThrow('of the same picture')
})
