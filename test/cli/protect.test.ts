import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { run } from '../../src/cli/program.ts'
import { readImage } from '../../src/images/codec.ts'
import { readKeys } from '../../src/keys/files.ts'
import { UserError } from '../../src/util/errors.ts'
import { grey, portrait } from '../pipeline/photos.ts'
import { type TinyModel, tinyModel } from '../pipeline/tiny-model.ts'

const base = mkdtempSync(join(tmpdir(), 'protect-'))
const photos = join(base, 'photos')
const [first, second] = [join(photos, 'first.png'), join(photos, 'second.jpg')]
let model: TinyModel
let other: TinyModel
let said: { out: string; err: string }
let root: string

beforeAll(async () => {
  await useBackend('wasm')
  model = await tinyModel()
  other = await tinyModel(2)
  mkdirSync(photos)
  await portrait(0).png().toFile(first)
  await portrait(1)
    .withExif({ IFD0: { Artist: 'SECRETARTIST' }, IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 3230/100' } })
    .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/">SECRETXMP</x:xmpmeta>')
    .jpeg({ quality: 95 })
    .toFile(second)
})
afterAll(() => {
  rmSync(base, { recursive: true })
  for (const { folder } of [model, other]) rmSync(folder, { recursive: true })
})
beforeEach(() => {
  root = mkdtempSync(join(base, 'case-'))
  said = { out: '', err: '' }
  vi.spyOn(process.stderr, 'write').mockImplementation(text => {
    said.err += text
    return true
  })
  vi.spyOn(console, 'log').mockImplementation(text => {
    said.out += `${text}\n`
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})

const at = (...names: string[]) => join(root, ...names)

/** The options that make a run short. */
const few = (task = 'anonymize') => [
  ...['--config', resolve(`configs/faces-128/${task}.yaml`)],
  ...['--backend', 'wasm', '--jobs', '1', '--model', model.path, '--steps', '3'],
  ...['--set', 'recovery.steps=2', '--set', 'recovery.refinements=0', '--set', 'attempts=1'],
]

const anonymize = (...args: string[]) => run(['anonymize', ...args, ...few()])
const recover = (...args: string[]) => run(['recover', ...args, '--backend', 'wasm', '--model', model.path])

/** Every file below a folder, by its path in it, but the record of its run and the page to review it. */
function files(folder: string): string[] {
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' }) as string[]
  return all.filter(name => name !== 'run.json' && name !== 'review.html').toSorted()
}

/** What a command is refused with: one line. */
async function refusal(command: Promise<unknown>): Promise<string> {
  const error = await command.then(
    () => undefined,
    error => error,
  )
  expect(error).toBeInstanceOf(UserError)
  expect(error.message).not.toContain('\n')
  return error.message
}

test('there and back: a picture and its key, and from the two the recovered picture', async () => {
  await anonymize(first, '--out', at('out'))
  const picture = at('out', 'first.anonymized.png')
  expect(files(at('out'))).toEqual(['first.anonymized.png', 'first.anonymized.png.dpkey'])
  expect(said.out).toBe(`${picture}\n`)
  expect(said.err.match(/warning: each key .* is not encrypted and restores the original photo/g)).toHaveLength(1)

  await recover(picture, '--out', at('back'))
  expect(files(at('back'))).toEqual(['first.anonymized.recovered.png'])
  const [before, hidden, back] = await Promise.all(
    [first, picture, at('back', 'first.anonymized.recovered.png')].map(path => readImage(path)),
  )
  // The face's square is known from the key: outside of it every pixel is as it was, inside of it few are.
  const [{ a, b, tx, ty }] = (await readKeys(`${picture}.dpkey`)).map(key => key.transform) as [
    { a: number; b: number; tx: number; ty: number },
  ]
  const changed = { inside: 0, outside: 0, recovered: 0 }
  for (let i = 0; i < before!.data.length; i++) {
    const [x, y] = [Math.floor(i / 3) % before!.width, Math.floor(i / 3 / before!.width)]
    const inside = [a * x - b * y + tx, b * x + a * y + ty].every(place => place > -1 && place < 65)
    if (before!.data[i] !== hidden!.data[i]) changed[inside ? 'inside' : 'outside']++
    if (!inside && before!.data[i] !== back!.data[i]) changed.outside++
    if (hidden!.data[i] !== back!.data[i]) changed.recovered++
  }
  expect(changed.outside).toBe(0)
  expect(changed.inside).toBeGreaterThan(3000)
  expect(changed.recovered).toBeGreaterThan(3000)
})

test('the same seed gives the same bytes in whatever order; another seed gives others', async () => {
  await anonymize(first, second, '--seed', '0', '--out', at('one'))
  await anonymize(second, first, '--seed', '0', '--out', at('two'))
  await anonymize(first, '--seed', '1', '--out', at('other'))
  expect(files(at('one'))).toHaveLength(4)
  for (const name of files(at('one'))) expect(readFileSync(at('two', name))).toEqual(readFileSync(at('one', name)))
  const name = 'first.anonymized.png'
  expect(readFileSync(at('other', name)).equals(readFileSync(at('one', name)))).toBe(false)
})

test('hide, two samples in another format for a recipient, from a photo that says who and where', async () => {
  const identity = await generateX25519Identity()
  writeFileSync(at('identity'), `# made for a test\n${identity}\n`)
  const locked = ['--identity', at('identity')]
  const recipient = ['--recipient', await identityToRecipient(identity)]
  await run(['hide', second, '--samples', '2', '--format', 'webp', '--out', at('out'), ...recipient, ...few('hide')])
  const pictures = [at('out', 'second.hidden-1.webp'), at('out', 'second.hidden-2.webp')]
  expect(files(at('out'))).toEqual([1, 2].flatMap(i => [`second.hidden-${i}.webp`, `second.hidden-${i}.webp.dpkey`]))
  expect(said.err).not.toContain('warning')
  // Of an untrained model's face no machine knows the person: the check says so.
  expect(said.err).toMatch(
    /: face 1 is no longer recognised\nchecked: 1 face, 1 no longer recognised by MobileFaceNet\n/,
  )
  expect(process.exitCode).toBe(3)
  process.exitCode = undefined

  // The input does say it.
  expect(readFileSync(second, 'latin1')).toMatch(/SECRETARTIST[\s\S]*SECRETXMP/)
  expect((await sharp(second).metadata()).exif).toBeDefined()
  for (const picture of pictures) {
    expect(readFileSync(picture, 'latin1')).not.toMatch(/SECRET/)
    expect(readFileSync(`${picture}.dpkey`, 'latin1')).not.toMatch(/SECRET/)
    const { exif, xmp, iptc, icc, format } = await sharp(picture).metadata()
    expect({ exif, xmp, iptc, icc, format }).toEqual({ format: 'webp' })
  }
  expect(readFileSync(pictures[0]!).equals(readFileSync(pictures[1]!))).toBe(false)

  await recover(at('out'), '--out', at('back'), ...locked)
  expect(files(at('back'))).toEqual([1, 2].map(i => `second.hidden-${i}.recovered.webp`))

  writeFileSync(at('wrong'), `${await generateX25519Identity()}\n`)
  const wrong = recover(pictures[0]!, '--out', at('none'), '--identity', at('wrong'))
  expect(await refusal(wrong)).toMatch(/no --identity fits/)
  expect(await refusal(recover(pictures[0]!, '--out', at('none')))).toMatch(/for recipients: give the private key/)
  writeFileSync(at('empty'), '# nothing\n')
  expect(await refusal(recover(pictures[0]!, '--identity', at('empty')))).toMatch(
    /expected identities of age .* found none/,
  )
  const swapped = recover(pictures[0]!, '--key', `${pictures[1]}.dpkey`, '--out', at('none'), ...locked)
  expect(await refusal(swapped)).toMatch(/is the key of another picture/)
  const another = other.variant('faces-512', { name: 'faces-512' })
  const foreign = run([
    'recover',
    pictures[0]!,
    '--recovery',
    'generative',
    '--model',
    another,
    '--out',
    at('none'),
    '--backend',
    'wasm',
    ...locked,
  ])
  expect(await refusal(foreign)).toMatch(/made with model 'tiny' .* found 'faces-512'/)
  const key = readFileSync(`${pictures[0]}.dpkey`)
  key[key.length - 60]! ^= 1
  writeFileSync(`${pictures[0]}.dpkey`, key)
  expect(await refusal(recover(pictures[0]!, '--out', at('none'), ...locked))).toMatch(
    /changed or cut short since it was written/,
  )
  expect(existsSync(at('none'))).toBe(false)
})

describe('bad input ends in one line, and nothing is written', () => {
  const mistake = async (...args: string[]) => {
    const line = await refusal(anonymize(...args, '--out', at('out')))
    expect(existsSync(at('out'))).toBe(false)
    expect(said.out).toBe('')
    return line
  }

  test('pictures', async () => {
    writeFileSync(at('text.jpg'), 'no picture')
    expect(await mistake(at('text.jpg'))).toMatch(/expected a whole picture .*text\.jpg/)
    writeFileSync(at('cut.jpg'), readFileSync(second).subarray(0, 9000))
    expect(await mistake(at('cut.jpg'))).toMatch(/expected a whole picture .*cut\.jpg/)
    await grey().png().toFile(at('grey.png'))
    expect(await mistake(at('grey.png'))).toMatch(/grey\.png: expected a photo with a face, found none/)
    expect(await mistake(at('none.png'))).toMatch(/expected a picture or a folder at .*none\.png/)
  })

  test('places to write to', async () => {
    writeFileSync(at('file'), '')
    expect(await refusal(anonymize(first, '--out', at('file')))).toMatch(/expected a folder at .*file, found a file/)
    mkdirSync(at('p'))
    writeFileSync(at('p', 'x.png'), readFileSync(first))
    writeFileSync(at('p', 'x.anonymized.png'), readFileSync(first))
    const both = anonymize(at('p', 'x.png'), at('p', 'x.anonymized.png'), '--out', at('p'))
    expect(await refusal(both)).toMatch(/would take the place of the input/)
    expect(readFileSync(at('p', 'x.anonymized.png'))).toEqual(readFileSync(first))
    expect(files(at('p'))).toHaveLength(2)
  })

  test('recipes', async () => {
    expect(await mistake(first, '--set', 'stpes=3')).toMatch(/'stpes' is not a known key.*'steps'/)
    expect(await mistake(first, '--samples', '0')).toMatch(/samples/)
    expect(await refusal(run(['anonymize', first, '--config', 'configs/hide.yaml', '--out', at('out')]))).toMatch(
      /expected a recipe of task anonymize/,
    )
    expect(await mistake(first, '--set', 'model=none')).toMatch(/expected a config file at none/)
  })

  test('weights', async () => {
    const sums = model.variant('sums', { sha256: '0'.repeat(64) })
    expect(await mistake(first, '--set', `model=${sums}`)).toMatch(/expected SHA-256 0{64}, found [0-9a-f]{64}/)
    const text = { vocabulary: 3, positions: 4, width: 32, innerWidth: 128, layers: 1, heads: 2 }
    const shapes = model.variant('shapes', { text })
    expect(await mistake(first, '--set', `model=${shapes}`)).toMatch(/tensor '.*' has shape \[.*\], the model wants \[/)
    const absent = model.variant('absent', { weights: at('absent.safetensors') })
    expect(await mistake(first, '--set', `model=${absent}`)).toMatch(/expected weights at .*, found no file/)
  })
})

test('a folder keeps its structure; a bad photo in it stops no other, all is accounted for, and the exit code is 2', async () => {
  mkdirSync(at('photos', 'trip'), { recursive: true })
  writeFileSync(at('photos', 'trip', 'me.png'), readFileSync(first))
  writeFileSync(at('photos', 'bad.jpg'), 'no picture')
  writeFileSync(at('photos', 'notes.txt'), 'no picture')
  await grey().png().toFile(at('photos', 'grey.png'))
  const program = [resolve('bin/diff-privacy.mjs'), 'anonymize', at('photos'), '--out', at('photos', 'out'), ...few()]
  const { status, stdout, stderr } = spawnSync(process.execPath, program, { encoding: 'utf8' })
  expect(status).toBe(2)
  expect(stdout).toBe(`${at('photos', 'out', 'trip', 'me.anonymized.png')}\n`)
  expect(stderr).toMatch(/\n1 of 3 failed:\n {2}expected a whole picture .*bad\.jpg[^\n]*\n/)
  expect(stderr).toContain('\n4 entries: 1 done, 1 refused, 2 left out\n')
  expect(stderr).toContain(`\n  left out, no picture: ${at('photos', 'notes.txt')}\n`)
  expect(stderr).toContain(`\n  left out, no face found: ${at('photos', 'grey.png')}\n`)
  expect(stderr).toContain('\n1 face in 1 photo anonymized\n')
  expect(stderr).toContain('\nchecked: 1 face, 0 still recognised by MobileFaceNet\n')
  expect(stderr).toContain(`\nreview: ${at('photos', 'out', 'review.html')}\n`)
  expect(readFileSync(at('photos', 'out', 'review.html'), 'utf8').match(/<article /g)).toHaveLength(3)
  expect(files(at('photos', 'out'))).toEqual(['trip', 'trip/me.anonymized.png', 'trip/me.anonymized.png.dpkey'])
})

test('a single bad photo is one line and exit code 2', async () => {
  writeFileSync(at('bad.jpg'), 'no picture')
  const program = [resolve('bin/diff-privacy.mjs'), 'anonymize', 'bad.jpg', ...few()]
  const { status, stdout, stderr } = spawnSync(process.execPath, program, { cwd: root, encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toMatch(/^diff-privacy: expected a whole picture [^\n]*bad\.jpg[^\n]*\n$/)
  expect(files(root)).toEqual(['bad.jpg'])
})
