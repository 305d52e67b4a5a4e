import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Decryption, decrypt } from '../../src/keys/age.ts'
import { readKey, writeKey } from '../../src/keys/files.ts'
import {
  checkPicture,
  type FaceKey,
  KeyError,
  type KeyProblem,
  type PhotoKey,
  pictureHash,
  wrongKey,
} from '../../src/keys/key.ts'
import { keyBytes, parseKey } from '../../src/keys/key-file.ts'
import { UserError } from '../../src/util/errors.ts'
import { RandomStream } from '../../src/util/random.ts'
import { encodeSafetensors } from '../../src/weights/safetensors.ts'

const folder = mkdtempSync(join(tmpdir(), 'dpkey-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)

const picture = Buffer.from('the bytes of a protected picture')
const passphrase = 'corre\u0301ct horse'

function faceKey(face: number): FaceKey {
  const normals = (purpose: string, count: number) => new RandomStream(1, purpose, face).normals(count)
  return {
    picture: pictureHash(picture),
    face,
    transform: { a: 0.5, b: -0.1, tx: 12.25, ty: 1 / 3 },
    model: { name: 'faces-128', sha256: 'ab'.repeat(32) },
    recipe: { steps: 50, nested: { compat: ['release'] } },
    shapes: { embeddings: [10, 3 + face], latent: [2, 4, 3] },
    embeddings: normals('embeddings', 10 * (3 + face)).map(x => 3 * x),
    latent: normals('latent', 24),
  }
}
const keys = [faceKey(0), faceKey(2)]
const key: PhotoKey = {
  picture: pictureHash(picture),
  size: { width: 640, height: 480 },
  secret: '5e'.repeat(32),
  view: Uint8Array.from([9, 8, 7]),
  faces: [
    { ...faceKey(0), crop: { box: { x: 1, y: 2, width: 30, height: 40 }, file: Uint8Array.from([1, 2, 3]) } },
    faceKey(2),
  ],
}
/** A passphrase as `age` takes it, but quickly. */
const quick = { passphrase, workFactor: 10 }

async function problemOf(reading: Promise<unknown>): Promise<KeyProblem | 'none'> {
  try {
    await reading
    return 'none'
  } catch (error) {
    if (!(error instanceof KeyError)) throw error
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).not.toContain('\n')
    return error.problem
  }
}

const problemOfBytes = (bytes: Uint8Array, decryption?: Decryption) => problemOf(parseKey(bytes, 'a.dpkey', decryption))

/** The file with its byte at `offset` changed; `redigest` as someone does who knows the format. */
function flip(file: Buffer, offset: number, mask: number, redigest = false): Buffer {
  const changed = Buffer.from(file)
  changed[offset]! ^= mask
  if (redigest)
    createHash('sha256')
      .update(changed.subarray(0, -32))
      .digest()
      .copy(changed, changed.length - 32)
  return changed
}

let clear: Buffer
let encrypted: Buffer
beforeAll(async () => {
  await writeKey(at('clear.dpkey'), key)
  await writeKey(at('encrypted.dpkey'), key, quick)
  clear = readFileSync(at('clear.dpkey'))
  encrypted = readFileSync(at('encrypted.dpkey'))
})

describe('round trips', () => {
  test('in the clear and encrypted, exactly', async () => {
    expect(await readKey(at('clear.dpkey'))).toEqual(key)
    expect(await readKey(at('encrypted.dpkey'), { passphrase })).toEqual(key)
    // The same letters in another Unicode form, as another keyboard types them.
    expect(await readKey(at('encrypted.dpkey'), { passphrase: passphrase.normalize('NFC') })).toEqual(key)
  })

  test('float16 halves the numbers and keeps them to 2^-11', async () => {
    const half = await keyBytes(key, { precision: 'float16' })
    const read = await parseKey(half, 'half.dpkey')
    key.faces.forEach((face, i) => {
      for (const name of ['embeddings', 'latent'] as const) {
        expect(read.faces[i]![name]).toHaveLength(face[name].length)
        face[name].forEach((value, j) => {
          expect(Math.abs(read.faces[i]![name][j]! - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11 + 2 ** -25)
        })
      }
    })
    const numbers = key.faces.reduce((sum, face) => sum + face.embeddings.length + face.latent.length, 0)
    expect(clear.length - half.length).toBeGreaterThanOrEqual(numbers * 2 - 16)
  })

  test('any finite numbers', async () => {
    const numbers = fc.float32Array({ minLength: 6, maxLength: 6, noNaN: true, noDefaultInfinity: true })
    await fc.assert(
      fc.asyncProperty(numbers, numbers, async (embeddings, latent) => {
        const face: FaceKey = { ...keys[0]!, shapes: { embeddings: [2, 3], latent: [1, 2, 3] }, embeddings, latent }
        const one = { picture: face.picture, faces: [face] }
        expect(await parseKey(await keyBytes(one), 'any.dpkey')).toEqual(one)
      }),
      { numRuns: 50 },
    )
  })

  test('only the owner may read the file, and nothing else is left beside it', async () => {
    expect(statSync(at('clear.dpkey')).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).filter(name => !name.endsWith('.dpkey'))).toEqual([])
  })
})

describe('what an encrypted key shows', () => {
  test('a header of age with one stanza, and nothing of what is inside', async () => {
    const head = encrypted.toString('latin1').split('\n---')[0]!
    expect(head).toMatch(/^age-encryption\.org\/v1\n-> scrypt [A-Za-z0-9+/]{22} 10\n[A-Za-z0-9+/]{43}$/)
    for (const inside of ['faces', 'transform', 'steps', 'padding', key.picture, key.secret!, 'faces-128'])
      expect(encrypted.includes(inside), inside).toBe(false)
    expect(encrypted.includes(Buffer.from(keys[0]!.latent.buffer).subarray(0, 8))).toBe(false)
    expect(clear.includes(Buffer.from(keys[0]!.latent.buffer).subarray(0, 8))).toBe(true)
    expect(Buffer.from(await keyBytes(key, quick)).equals(encrypted)).toBe(false)
  })

  test('the same length for one face and for nine; four times as much for a large one', async () => {
    const lengthOf = async (faces: readonly FaceKey[]) => {
      const bytes = await keyBytes({ picture: key.picture, faces }, quick)
      return (await decrypt(bytes, 'a.dpkey', { passphrase })).length
    }
    const one = keys[0]!
    expect(await lengthOf([one])).toBe(2 ** 18)
    expect(await lengthOf(Array.from({ length: 9 }, (_, face) => ({ ...one, face })))).toBe(2 ** 18)
    const large = { ...one, crop: { box: { x: 0, y: 0, width: 9, height: 9 }, file: new Uint8Array(300_000) } }
    expect(await lengthOf([large])).toBe(2 ** 20)
  })
})

describe('refusals, each by name', () => {
  test('not a key file', async () => {
    expect(await problemOfBytes(Buffer.from('\x89PNG\r\n\x1a\n and so on'))).toBe('not a key file')
    expect(await problemOfBytes(Buffer.alloc(0))).toBe('not a key file')
    expect(await problemOfBytes(encodeSafetensors(new Map(), { format: 'pt' }))).toBe('not a key file')
  })

  test('no file at all', async () => {
    await expect(readKey(at('none.dpkey'))).rejects.toThrow(
      new UserError(`expected a key file at ${at('none.dpkey')}: there is no such file`),
    )
  })

  test('a newer version', async () => {
    const newer = Buffer.from(clear.toString('latin1').replace('"version":"2"', '"version":"3"'), 'latin1')
    expect(await problemOfBytes(newer)).toBe('newer version')
  })

  test('cut short, wherever', async () => {
    for (let length = 16; length < clear.length; length++)
      expect(await problemOfBytes(clear.subarray(0, length)), `cut at ${length}`).toBe('tampered')
    const cuts = fc.integer({ min: 32, max: encrypted.length - 1 })
    await fc.assert(
      fc.asyncProperty(cuts, async length => {
        expect(await problemOfBytes(encrypted.subarray(0, length), { passphrase })).toMatch(
          /tampered|passphrase needed|identity needed/,
        )
      }),
      { numRuns: 30 },
    )
  })

  test('something added', async () => {
    expect(await problemOfBytes(Buffer.concat([clear, Buffer.alloc(1)]))).toBe('tampered')
    expect(await problemOfBytes(Buffer.concat([encrypted, Buffer.alloc(1)]), { passphrase })).toBe('tampered')
  })

  test('passphrase needed, wrong passphrase, passphrase or identity for a key in the clear', async () => {
    expect(await problemOfBytes(encrypted)).toBe('passphrase needed')
    expect(await problemOfBytes(encrypted, { passphrase: `${passphrase} ` })).toBe('wrong passphrase')
    expect(await problemOfBytes(clear, { passphrase })).toBe('not encrypted')
    expect(await problemOfBytes(clear, { identities: ['AGE-SECRET-KEY-1'] })).toBe('not encrypted')
  })

  test('a key for another picture', async () => {
    expect(() => checkPicture(keys, picture)).not.toThrow()
    const reading = async () => checkPicture(keys, Buffer.from('another'), { key: 'a.dpkey', picture: 'b.png' })
    expect(await problemOf(reading())).toBe('another picture')
    await expect(reading()).rejects.toThrow(/^a\.dpkey is the key of another picture: .* of b\.png/)
  })

  test('an unwritable place leaves nothing', async () => {
    await expect(writeKey(at('no/folder.dpkey'), key)).rejects.toThrow(/^cannot write .*folder\.dpkey: there is no/)
  })

  test('keys that cannot be kept', async () => {
    const [face] = keys as [FaceKey]
    const write = (...faces: FaceKey[]) => keyBytes({ picture: key.picture, faces }, { precision: 'float16' })
    await expect(write()).rejects.toThrow('at least one face')
    await expect(write(face, { ...face, picture: '0'.repeat(64) })).rejects.toThrow('one picture')
    await expect(write({ ...face, latent: new Float32Array(3) })).rejects.toThrow(
      'expected 24 numbers in latent [2,4,3], found 3',
    )
    await expect(write({ ...face, latent: face.latent.map(() => 1e5) })).rejects.toThrow('finite float16')
  })
})

describe('tampering', () => {
  test('any changed byte of a key in the clear is found', async () => {
    for (let offset = 0; offset < clear.length; offset++) {
      const problem = await problemOfBytes(flip(clear, offset, 1 << (offset % 8)))
      expect(problem, `offset ${offset}`).toMatch(/tampered|not a key file|newer version/)
    }
  })

  test('a changed byte of an encrypted key is found, wherever', async () => {
    const payload = encrypted.indexOf('\n---')
    const offsets = [
      ...Array.from({ length: payload / 3 }, (_, i) => 3 * i),
      ...Array.from({ length: 15 }, (_, i) => payload + 4 * i),
      ...[1, 2, 3, 4].map(i => encrypted.length - i * 60_001),
      encrypted.length - 1,
    ]
    for (const offset of offsets) {
      // Work factors are left out: some are so large that trying them takes long.
      if (/\d/.test(String.fromCharCode(encrypted[offset]!)) && encrypted[offset - 1] !== 0x2f && offset < 60) continue
      const problem = await problemOfBytes(flip(encrypted, offset, 1), { passphrase })
      expect(problem, `offset ${offset}`).not.toBe('none')
    }
  })

  test('a header that says something else, with the digest made anew, is no key', async () => {
    const text = clear.toString('latin1')
    expect(await problemOfBytes(flip(clear, text.indexOf('\\"transform') + 2, 0x01, true))).toBe('tampered')
    expect(await problemOfBytes(flip(clear, text.indexOf('faces.0.latent'), 0x01, true))).toBe('tampered')
  })
})

describe('wrongKey', () => {
  test('has the same shapes and lengths of vectors, and depends on seed, picture and face', () => {
    const [key, other] = keys as [FaceKey, FaceKey]
    const wrong = wrongKey(key, 1)
    expect(wrong).toEqual(wrongKey(key, 1))
    expect(wrong.latent).not.toEqual(wrongKey(key, 2).latent)
    expect(wrong.latent).not.toEqual(wrongKey(other, 1).latent)
    expect({ ...wrong, embeddings: key.embeddings, latent: key.latent }).toEqual(key)
    for (let row = 0; row < 10; row++) {
      const vector = (of: FaceKey) => of.embeddings.subarray(row * 3, row * 3 + 3)
      expect(Math.hypot(...vector(wrong))).toBeCloseTo(Math.hypot(...vector(key)), 4)
      expect(vector(wrong)).not.toEqual(vector(key))
    }
  })

  test('its latent is standard normal noise, unlike that of the key', () => {
    const shapes: FaceKey['shapes'] = { embeddings: [10, 1], latent: [16, 16, 8] }
    const latent = new RandomStream(7, 'true').normals(2048)
    const wrong = wrongKey({ ...keys[0]!, shapes, embeddings: new Float32Array(10), latent }, 3).latent
    const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length
    expect(Math.abs(mean(wrong))).toBeLessThan(0.1)
    expect(Math.abs(mean(wrong.map(x => x * x)) - 1)).toBeLessThan(0.15)
    expect(Math.abs(mean(wrong.map((x, i) => x * latent[i]!)))).toBeLessThan(0.1)
  })
})
