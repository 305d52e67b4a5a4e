import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkOtherPeople } from '../../src/train/people.ts'
import { UserError } from '../../src/util/errors.ts'
import { unknown, writeStore } from './faces.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'people-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** A store of two pictures of each of these people, in a data set if one is named. */
async function store(path: string, people: readonly string[], dataset?: string): Promise<string> {
  const place = join(folder, path)
  const entries = people.flatMap(identity => [1, 2].map(i => ({ id: `${identity}/${path}-${i}.jpg`, identity })))
  await writeStore(place, entries, 2)
  if (dataset) await writeFile(join(dirname(place), 'summary.json'), JSON.stringify({ dataset, photoSizes: [] }))
  return place
}

test('people who are trained on are refused: how many, and one of them by name', async () => {
  const train = [await store('lfw/train', ['Ann', 'Ben', 'Cem']), await store('more/train', ['Dee'])]
  const [one, several, others] = [
    await store('lfw/one', ['Eve', 'Cem']),
    await store('lfw/several', ['Dee', 'Eve', 'Ben']),
    await store('lfw/others', ['Eve', 'Fay']),
  ]
  const check = (...validate: string[]) => checkOtherPeople(train, validate, 'everybody')
  await check(others)
  await expect(check(others, one)).rejects.toThrow(UserError)
  await expect(check(others, one)).rejects.toThrow('found one person, Cem: validate on faces of other people')
  await expect(check(several)).rejects.toThrow('found 2 people, such as Dee')
  await expect(check(train[0]!)).rejects.toThrow('found 3 people, such as Ann')
})

test('pictures of unknown people, whose identities are their paths, are not told apart by them', async () => {
  const [a, b] = [join(folder, 'a'), join(folder, 'b')]
  for (const place of [a, b]) await writeStore(place, unknown(3), 2)
  await checkOtherPeople([a], [b], 'everybody')
  await checkOtherPeople([a], [a], 'everybody')
  // A person called like somebody's picture is known on one side only.
  await checkOtherPeople([a], [await store('known', ['1'])], 'everybody')
})

test('a name in two data sets is two people; in one that nobody wrote down it is the same', async () => {
  const numbers = ['1', '2']
  const [one, other] = [await store('one/train', numbers, 'one'), await store('other/train', numbers, 'other')]
  await checkOtherPeople([one], [other], 'everybody')
  await mkdir(join(folder, 'again'))
  const again = await store('again/train', ['2', '3'], 'one')
  await expect(checkOtherPeople([other, one], [again], 'everybody')).rejects.toThrow('found one person, 2')
  const moved = await store('moved/train', ['1'])
  await expect(checkOtherPeople([one], [moved], 'everybody')).rejects.toThrow('found one person, 1')
  await expect(checkOtherPeople([moved], [one], 'everybody')).rejects.toThrow('found one person, 1')
})

test('of a subject only whom MSI is trained for', async () => {
  const train = await store('train', ['Ann', 'Ben'])
  await checkOtherPeople([train], [await store('ben', ['Ben'])], { identity: 'Ann' })
  await expect(checkOtherPeople([train], [train], { image: 'Ben/train-2.jpg' })).rejects.toThrow(
    'found one person, Ben',
  )
})
