/** Keys and the program `age`: what one encrypts the other decrypts. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decrypt, encrypt } from '../../src/keys/age.ts'
import { readKeys, writeKeys } from '../../src/keys/files.ts'
import { type FaceKey, KeyError, pictureHash } from '../../src/keys/key.ts'
import { parseKey } from '../../src/keys/key-file.ts'
import { UserError } from '../../src/util/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'age-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)

const face: FaceKey = {
  picture: pictureHash(Buffer.from('a picture')),
  face: 0,
  transform: { a: 0.5, b: -0.1, tx: 12.25, ty: 1 / 3 },
  model: { name: 'faces-128', sha256: 'ab'.repeat(32) },
  recipe: { steps: 50 },
  shapes: { embeddings: [10, 2], latent: [2, 2, 1] },
  embeddings: new Float32Array(20).fill(1),
  latent: new Float32Array(4).fill(2),
}
let ours: string
let theirs: string
let recipients: string[]
beforeAll(async () => {
  ours = await generateX25519Identity()
  theirs = await generateX25519Identity()
  recipients = await Promise.all([ours, theirs].map(identityToRecipient))
  writeFileSync(at('ours.txt'), `# made for a test\n${ours}\n`)
})

test('each of two recipients decrypts; a third does not, and a passphrase is no help', async () => {
  await writeKeys(at('two.dpkey'), [face], { recipients })
  for (const identity of [ours, theirs])
    expect(await readKeys(at('two.dpkey'), { identities: [identity] })).toEqual([face])
  const problem = (decryption: object) =>
    readKeys(at('two.dpkey'), decryption).catch(error => error instanceof KeyError && error.problem)
  expect(await problem({ identities: [await generateX25519Identity()] })).toBe('wrong identity')
  expect(await problem({ passphrase: 'open sesame' })).toBe('identity needed')
  expect(await problem({})).toBe('identity needed')
})

test('what is no recipient, and a passphrase beside one, is refused in a line', async () => {
  for (const wrong of ['age1', 'ssh-ed25519 AAAA', recipients[0]!.replace(/.$/, '')])
    await expect(encrypt(new Uint8Array(1), { recipients: [wrong] })).rejects.toThrow(UserError)
  await expect(encrypt(new Uint8Array(1), { recipients, passphrase: 'x' })).rejects.toThrow(/found both/)
})

const hasAge = spawnSync('age', ['--version']).status === 0
const hasScript = spawnSync('script', ['--version']).status === 0

describe.skipIf(!hasAge)('the program age (Debian: age)', () => {
  test('decrypts our keys, in binary, to a safetensors file', async () => {
    await writeKeys(at('ours.dpkey'), [face], { recipients })
    const plain = execFileSync('age', ['--decrypt', '-i', at('ours.txt'), at('ours.dpkey')], { maxBuffer: 2 ** 24 })
    expect(await parseKey(plain, 'plain')).toMatchObject({ faces: [face] })
  })

  test.each([
    ['binary', []],
    ['armored', ['--armor']],
  ])('encrypts keys that we decrypt, %s', async (_, options) => {
    await writeKeys(at('clear.dpkey'), [face])
    const args = [...options, '-r', recipients[0]!, '-r', recipients[1]!, '-o', at('made.dpkey'), at('clear.dpkey')]
    execFileSync('age', args)
    expect(await readKeys(at('made.dpkey'), { identities: [theirs] })).toEqual([face])
    rmSync(at('made.dpkey'))
  })

  // Passphrases it only takes from a terminal, which `script` pretends to be.
  test.skipIf(!hasScript)('takes our passphrase, and we take its', { timeout: 60_000 }, async () => {
    const typed = (command: string, times: number) =>
      spawnSync('script', ['-qec', command, '/dev/null'], { input: 'open sesame\n'.repeat(times) })
    writeFileSync(
      at('said.age'),
      await encrypt(Buffer.from('said by us'), { passphrase: 'open sesame', workFactor: 12 }),
    )
    expect(readFileSync(at('said.age'), 'latin1')).toMatch(/^age-encryption\.org\/v1\n-> scrypt /)
    typed(`age --decrypt -o ${at('said.txt')} ${at('said.age')}`, 1)
    expect(readFileSync(at('said.txt'), 'utf8')).toBe('said by us')
    writeFileSync(at('other.txt'), 'said by age')
    typed(`age --passphrase -o ${at('other.age')} ${at('other.txt')}`, 2)
    const plain = await decrypt(readFileSync(at('other.age')), 'other.age', { passphrase: 'open sesame' })
    expect(Buffer.from(plain).toString()).toBe('said by age')
  })
})

test('the work factor is that of age: N = 2^18', { timeout: 60_000 }, async () => {
  const file = await encrypt(new Uint8Array(3), { passphrase: 'open sesame' })
  expect(Buffer.from(file).toString('latin1')).toMatch(/^age-encryption\.org\/v1\n-> scrypt \S+ 18\n/)
})
