import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RandomStream } from '../../src/data/random.ts'
import {
  checkPicture,
  type FaceKey,
  KeyError,
  type KeyProblem,
  pictureHash,
  readKeys,
  writeKeys,
  wrongKey,
} from '../../src/keys/key.ts'
import { unseal } from '../../src/keys/key-container.ts'
import { UserError } from '../../src/util/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'dpkey-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)

const picture = Buffer.from('the bytes of a protected picture')
const passphrase = 'corre\u0301ct horse'

function faceKey(face: number): FaceKey {
  const normals = (purpose: string, count: number) => new RandomStream(1, purpose, face).normals(count)
  return {
    version: 1,
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

async function problemOfBytes(bytes: Uint8Array, phrase?: string) {
  writeFileSync(at('changed.dpkey'), bytes)
  return problemOf(readKeys(at('changed.dpkey'), phrase))
}

/** The same without the detour by the disk: for every byte in turn. */
const problemOfContainer = (bytes: Buffer, phrase?: string) => problemOf(unseal(bytes, 'a.dpkey', phrase))

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
  await writeKeys(at('clear.dpkey'), keys)
  await writeKeys(at('encrypted.dpkey'), keys, { passphrase })
  clear = readFileSync(at('clear.dpkey'))
  encrypted = readFileSync(at('encrypted.dpkey'))
})

describe('round trips', () => {
  test('in the clear and encrypted, exactly', async () => {
    expect(await readKeys(at('clear.dpkey'))).toEqual(keys)
    expect(await readKeys(at('encrypted.dpkey'), passphrase)).toEqual(keys)
    // The same letters in another Unicode form, as another keyboard types them.
    expect(await readKeys(at('encrypted.dpkey'), passphrase.normalize('NFC'))).toEqual(keys)
  })

  test('float16 halves the numbers and keeps them to 2^-11', async () => {
    await writeKeys(at('half.dpkey'), keys, { precision: 'float16' })
    const read = await readKeys(at('half.dpkey'))
    keys.forEach((key, i) => {
      for (const name of ['embeddings', 'latent'] as const) {
        expect(read[i]![name]).toHaveLength(key[name].length)
        key[name].forEach((value, j) => {
          expect(Math.abs(read[i]![name][j]! - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11 + 2 ** -25)
        })
      }
    })
    const numbers = keys.reduce((sum, key) => sum + key.embeddings.length + key.latent.length, 0)
    expect(clear.length - statSync(at('half.dpkey')).size).toBeGreaterThan(numbers * 1.6)
  })

  test('any finite numbers, whether or not they deflate', async () => {
    const numbers = fc.float32Array({ minLength: 6, maxLength: 6, noNaN: true, noDefaultInfinity: true })
    await fc.assert(
      fc.asyncProperty(numbers, numbers, async (embeddings, latent) => {
        const key: FaceKey = {
          ...keys[0]!,
          shapes: { embeddings: [2, 3], latent: [1, 2, 3] },
          embeddings,
          latent,
        }
        await writeKeys(at('any.dpkey'), [key])
        expect(await readKeys(at('any.dpkey'))).toEqual([key])
      }),
      { numRuns: 50 },
    )
    const zeros = new Float32Array(3000)
    const flat: FaceKey = {
      ...keys[0]!,
      shapes: { embeddings: [10, 300], latent: [10, 10, 30] },
      embeddings: zeros,
      latent: zeros,
    }
    await writeKeys(at('flat.dpkey'), [flat], { passphrase })
    expect(statSync(at('flat.dpkey')).size).toBeLessThan(1000)
    expect(await readKeys(at('flat.dpkey'), passphrase)).toEqual([flat])
  })

  test('only the owner may read the file, and nothing else is left beside it', async () => {
    expect(statSync(at('clear.dpkey')).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).filter(name => !name.endsWith('.dpkey'))).toEqual([])
  })

  test('encryption hides the numbers and never repeats itself', async () => {
    expect(clear.includes(Buffer.from(keys[0]!.latent.buffer).subarray(0, 8))).toBe(true)
    expect(encrypted.includes(Buffer.from(keys[0]!.latent.buffer).subarray(0, 8))).toBe(false)
    await writeKeys(at('again.dpkey'), keys, { passphrase })
    expect(readFileSync(at('again.dpkey')).equals(encrypted)).toBe(false)
  })
})

describe('refusals, each by name', () => {
  test('not a key file', async () => {
    expect(await problemOfBytes(Buffer.from('\x89PNG\r\n\x1a\n and so on'))).toBe('not a key file')
    expect(await problemOfBytes(Buffer.alloc(0))).toBe('not a key file')
  })

  test('no file at all', async () => {
    await expect(readKeys(at('none.dpkey'))).rejects.toThrow(
      new UserError(`expected a key file at ${at('none.dpkey')}: there is no such file`),
    )
  })

  test('a newer version', async () => {
    const newer = Buffer.from(clear)
    newer[5] = 2
    expect(await problemOfBytes(newer)).toBe('newer version')
  })

  test('truncated, wherever it is cut', async () => {
    for (let length = 5; length < encrypted.length; length++)
      expect(await problemOfContainer(encrypted.subarray(0, length), passphrase), `cut at ${length}`).toBe('truncated')
  })

  test('something added', async () => {
    expect(await problemOfBytes(Buffer.concat([clear, Buffer.alloc(1)]))).toBe('tampered')
  })

  test('passphrase needed, wrong passphrase, passphrase for a key in the clear', async () => {
    expect(await problemOfBytes(encrypted)).toBe('passphrase needed')
    expect(await problemOfBytes(encrypted, `${passphrase} `)).toBe('wrong passphrase')
    expect(await problemOfBytes(clear, passphrase)).toBe('not encrypted')
  })

  test('a key for another picture', async () => {
    expect(() => checkPicture(keys, picture)).not.toThrow()
    const reading = async () => checkPicture(keys, Buffer.from('another'), { key: 'a.dpkey', picture: 'b.png' })
    expect(await problemOf(reading())).toBe('another picture')
    await expect(reading()).rejects.toThrow(/^a\.dpkey is the key of another picture: .* of b\.png/)
  })

  test('an unwritable place leaves nothing', async () => {
    await expect(writeKeys(at('no/folder.dpkey'), keys)).rejects.toThrow(/^cannot write .*folder\.dpkey: there is no/)
  })

  test('keys that cannot be kept', async () => {
    const [key] = keys as [FaceKey]
    await expect(writeKeys(at('x.dpkey'), [])).rejects.toThrow('at least one face')
    await expect(writeKeys(at('x.dpkey'), [key, { ...key, picture: '0'.repeat(64) }])).rejects.toThrow('one picture')
    await expect(writeKeys(at('x.dpkey'), [{ ...key, latent: new Float32Array(3) }])).rejects.toThrow(
      'expected 24 numbers in latent [2,4,3], found 3',
    )
    const large = { ...key, latent: key.latent.map(() => 1e5) }
    await expect(writeKeys(at('x.dpkey'), [large], { precision: 'float16' })).rejects.toThrow('finite float16')
    expect(readdirSync(folder)).not.toContain('x.dpkey')
  })
})

describe('tampering', () => {
  const expected = (offset: number, changed: Buffer): KeyProblem => {
    if (offset < 5) return 'not a key file'
    return offset === 5 && changed[5]! > 1 ? 'newer version' : 'tampered'
  }

  test('any changed byte of a key in the clear is found', async () => {
    for (let offset = 0; offset < clear.length; offset++) {
      const changed = flip(clear, offset, 1 << (offset % 8))
      expect(await problemOfContainer(changed), `offset ${offset}`).toBe(expected(offset, changed))
    }
  })

  test('any changed byte of an encrypted key is found, before the passphrase is blamed', async () => {
    for (let offset = 0; offset < encrypted.length; offset++) {
      const changed = flip(encrypted, offset, 1 << (offset % 8))
      expect(await problemOfContainer(changed, passphrase), `offset ${offset}`).toBe(expected(offset, changed))
    }
  })

  test('with the digest made anew, encryption still finds it, in each region', async () => {
    const salt = 20 + encrypted.readUInt32LE(8)
    const tag = encrypted.length - 48
    const regions: [string, number, KeyProblem][] = [
      ['header', 20 + 30, 'tampered'],
      ['last byte of the header', salt - 1, 'tampered'],
      // Another salt makes other keys of the same passphrase: no file can tell that from a wrong passphrase.
      ['salt', salt + 3, 'wrong passphrase'],
      ['nonce', salt + 16, 'tampered'],
      ['check', salt + 28 + 15, 'wrong passphrase'],
      ['ciphertext', salt + 44, 'tampered'],
      ['end of the ciphertext', tag - 1, 'tampered'],
      ['tag', tag + 7, 'tampered'],
    ]
    for (const [region, offset, problem] of regions)
      expect(await problemOfBytes(flip(encrypted, offset, 0x10, true), passphrase), region).toBe(problem)
  })

  test('a header that says something else, with the digest made anew, is no key', async () => {
    const text = clear.toString('latin1')
    const shape = text.indexOf('"latent":[2,4,3]') + '"latent":['.length
    expect(await problemOfBytes(flip(clear, shape, 0x01, true))).toBe('tampered')
    const name = text.indexOf('"transform"') + 1
    expect(await problemOfBytes(flip(clear, name, 0x01, true))).toBe('tampered')
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
