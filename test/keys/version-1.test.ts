/** Key files that version 0.1 wrote, in test/golden/keys, are read and recover. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readImage } from '../../src/images/codec.ts'
import { readKey } from '../../src/keys/files.ts'
import { KeyError, pictureHash } from '../../src/keys/key.ts'
import { parseKey } from '../../src/keys/key-file.ts'
import { readProtected } from '../../src/pipeline/recover-file.ts'
import { recoverPhoto } from '../../src/pipeline/recover-photo.ts'
import { RandomStream } from '../../src/util/random.ts'

const at = (name: string) => `test/golden/keys/${name}`
const picture = readFileSync(at('protected.png'))
const passphrase = 'corr\u00e9ct horse'

const face = (number: number) => ({
  picture: pictureHash(picture),
  face: number,
  transform: { a: 0.5, b: -0.1, tx: 12.25, ty: 1 / 3 },
  model: { name: 'faces-128', sha256: 'ab'.repeat(32) },
  recipe: { steps: 50 },
  shapes: { embeddings: [10, 3], latent: [2, 4, 3] },
  embeddings: new RandomStream(1, 'embeddings', number).normals(30),
  latent: new RandomStream(1, 'latent', number).normals(24),
})

test('its faces, number by number', async () => {
  expect(await readKey(at('version-1.dpkey'))).toEqual({ picture: pictureHash(picture), faces: [face(0), face(2)] })
  const { faces } = await readKey(at('version-1-encrypted.dpkey'), { passphrase })
  expect(faces).toEqual((await readKey(at('version-1-crop.dpkey'))).faces)
  expect(faces[0]).toMatchObject({ ...face(0), crop: { box: { x: 10, y: 8, width: 20, height: 16 } } })
})

test.each([
  ['version-1-crop.dpkey', {}],
  ['version-1-encrypted.dpkey', { passphrase }],
])('%s recovers its photo', async (name, decryption) => {
  const { bytes, keys } = await readProtected(at('protected.png'), { key: at(name), ...decryption })
  const noModel = () => Promise.reject(new Error('no model is needed'))
  const recovered = await recoverPhoto(noModel, await readImage(bytes), keys)
  const original = await readImage(at('original.png'))
  const error = original.data.reduce((sum, value, i) => sum + (value - recovered.data[i]!) ** 2, 0)
  expect(10 * Math.log10(255 ** 2 / (error / original.data.length))).toBeGreaterThan(45)
})

describe('refusals', () => {
  const problemOf = (file: Uint8Array, decryption = {}) =>
    parseKey(file, 'a.dpkey', decryption).then(
      () => 'none',
      error => (error instanceof KeyError ? error.problem : String(error)),
    )
  const clear = readFileSync(at('version-1.dpkey'))
  const encrypted = readFileSync(at('version-1-encrypted.dpkey'))

  test('any changed byte, and any cut', async () => {
    for (const [file, decryption] of [[clear, {}] as const, [encrypted, { passphrase }] as const]) {
      for (let offset = 0; offset < file.length; offset++) {
        const changed = Buffer.from(file)
        changed[offset]! ^= 1 << (offset % 8)
        expect(await problemOf(changed, decryption), `offset ${offset}`).toMatch(/tampered|not a key|newer/)
      }
      for (let length = 5; length < file.length; length++)
        expect(await problemOf(file.subarray(0, length), decryption)).toBe('truncated')
    }
  })

  test('no passphrase, a wrong one, and one too many', async () => {
    expect(await problemOf(encrypted)).toBe('passphrase needed')
    expect(await problemOf(encrypted, { passphrase: 'another' })).toBe('wrong passphrase')
    expect(await problemOf(clear, { passphrase })).toBe('not encrypted')
  })
})
