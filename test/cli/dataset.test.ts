import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { writeImage } from '../../src/images/codec.ts'

let folder: string
let photos: string
const log = vi.spyOn(console, 'log').mockImplementation(() => {})
const said = () => log.mock.calls.flat()

/** A manifest of cropped faces, so that nothing has to find them. */
function manifest(name: string, ...lines: string[]): string {
  const path = join(folder, `${name}.yaml`)
  const always = [`name: ${name}`, 'title: Faces', 'licence: ours', 'aligned: true']
  writeFileSync(path, [...always, ...lines].join('\n'))
  return path
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataset-'))
  photos = join(folder, 'photos')
  for (const [i, split] of ['train', 'train', 'test'].entries()) {
    await mkdir(join(photos, split), { recursive: true })
    const data = new Uint8Array(32 * 32 * 3).fill(50 * i)
    await writeImage(join(photos, split, `${i}.png`), { width: 32, height: 32, data })
  }
})
beforeEach(() => log.mockClear())
afterAll(() => rmSync(folder, { recursive: true }))

const prepare = (name: string, out: string) =>
  run(['dataset', 'prepare', name, '--from', photos, '--out', out, '--size', '16', '--backend', 'cpu'])
const info = (name: string, out: string) => run(['dataset', 'info', name, '--out', out, '--backend', 'cpu'])

test('of unknown people nobody is held out, and one line says what a test split needs', async () => {
  const name = manifest('strangers', 'identities: celeba-hq', 'heldOutTenths: 5')
  const out = join(folder, 'strangers')
  await info(name, out)
  expect(said()).toContain('people: celeba-hq; 5 tenths of them held out for tests, where it is known who is who')
  await prepare(name, out)
  expect(said()).toContain(`${out}: 3 train faces of 3 people`)
  const why =
    /^nobody knows who is who .* nobody is held out for tests; what a test split needs is .*identity_CelebA.txt/
  expect(said().filter(line => why.test(line))).toHaveLength(1)
  log.mockClear()
  await info(out, out)
  expect(said().filter(line => why.test(line))).toHaveLength(1)
})

test('splits of a source are kept, and said to be its own', async () => {
  const name = manifest('source', 'identities: unknown', 'split: source')
  const out = join(folder, 'source')
  await info(name, out)
  expect(said()).toContain('people: unknown; held out for tests as the source says')
  await prepare(name, out)
  expect(said()).toContain(`${out}: 1 test faces of 1 people, 2 train faces of 2 people`)
  const leak = /^nobody knows who is who .* photos of one person can be in more than one split$/
  expect(said().filter(line => leak.test(line))).toHaveLength(1)
})
