import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { UserError } from '../../src/util/errors.ts'
import { openBytes } from '../../src/weights/bytes.ts'
import { fromFloat16, toFloat16 } from '../../src/weights/dtype.ts'
import { openTensorFile, readTensors } from '../../src/weights/open.ts'
import { openSafetensors } from '../../src/weights/safetensors.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'

let folder: string
let path: string

/** Whatever begins the file, it is read as safetensors. */
async function readSafetensors(path: string) {
  const bytes = await openBytes(path)
  try {
    const file = await openSafetensors(bytes)
    for (const name of file.tensors.keys()) await file.read(name)
  } finally {
    await bytes.close()
  }
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'))
  path = join(folder, 'weights.safetensors')
})
afterAll(() => rm(folder, { recursive: true }))

/** The bytes of a file with this header (JSON unless already text) and this many bytes of tensors. */
function file(header: unknown, bytes: number | Uint8Array, headerLength?: number): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(headerLength ?? json.length))
  return Buffer.concat([length, json, typeof bytes === 'number' ? Buffer.alloc(bytes) : bytes])
}

const tensor = (begin: number, end: number, shape = [(end - begin) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

describe('writeSafetensors and readSafetensors', () => {
  const tensors = new Map([
    ['a.weight', { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 4, 5, 6) }],
    ['empty', { shape: [0, 4], data: new Float32Array(0) }],
    ['scalar', { shape: [], data: Float32Array.of(Math.PI) }],
  ])

  it('returns what was written, with its metadata', async () => {
    await writeSafetensors(path, tensors, { config: '{"width": 96}' })
    const file = await openTensorFile(path)
    expect(file).toMatchObject({ path, format: 'safetensors', metadata: { config: '{"width": 96}' } })
    expect([...file.tensors.keys()]).toEqual([...tensors.keys()])
    for (const [name, { shape, data }] of tensors) {
      expect(file.tensors.get(name)).toMatchObject({ dtype: 'F32', shape })
      expect(await file.read(name)).toEqual(data)
    }
    await file.close()
  })

  it('rounds to half precision when asked', async () => {
    await writeSafetensors(path, tensors, {}, { dtype: 'F16' })
    expect(await readTensors(path, ['scalar'])).toEqual(
      new Map([['scalar', { shape: [], data: Float32Array.of(3.140625) }]]),
    )
  })

  it('makes each tensor when its turn comes', async () => {
    const made: string[] = []
    const later = new Map(
      [...tensors].map(([name, { shape, data }]) => {
        const make = async () => {
          made.push(name)
          return data
        }
        return [name, { shape, data: make }]
      }),
    )
    await writeSafetensors(path, later)
    expect(made).toEqual([...tensors.keys()])
    expect((await readTensors(path)).get('a.weight')!.data).toEqual(tensors.get('a.weight')!.data)
    const short = new Map([['short', { shape: [3], data: () => Float32Array.of(1) }]])
    await expect(writeSafetensors(path, short)).rejects.toThrow(/'short' has 1 values, its shape \[3\] wants 3/)
    expect((await readTensors(path)).size).toBe(3) // the file before it is still there
  })

  it('aligns the tensors to eight bytes', async () => {
    await writeSafetensors(path, tensors)
    expect(Number((await readFile(path)).readBigUInt64LE()) % 8).toBe(0)
  })

  it('leaves nothing behind when the file cannot be written', async () => {
    const target = join(folder, 'taken')
    await writeSafetensors(join(target, 'child'), tensors)
    const before = (await readdir(folder)).sort()
    await expect(writeSafetensors(target, tensors)).rejects.toThrow(UserError) // a folder has that name
    expect((await readdir(folder)).sort()).toEqual(before)
  })

  it('names the file and the nearest tensor', async () => {
    await writeSafetensors(path, tensors)
    await expect(readTensors(path, ['a.weigth'])).rejects.toThrow(/weights\.safetensors.*'a\.weight'/)
    await expect(readTensors(join(folder, 'absent'))).rejects.toThrow(/cannot read .*absent/)
  })

  it('widens every dtype', async () => {
    const cases: [string, Uint8Array, number[]][] = [
      ['BF16', new Uint8Array(Uint16Array.of(0x3f80, 0xc040).buffer), [1, -3]],
      ['F16', new Uint8Array(Uint16Array.of(0x3c00, 0xc900).buffer), [1, -10]],
      ['F64', new Uint8Array(Float64Array.of(0.5, -8).buffer), [0.5, -8]],
      ['I64', new Uint8Array(BigInt64Array.of(-1n, 76n).buffer), [-1, 76]],
      ['I32', new Uint8Array(Int32Array.of(-1, 76).buffer), [-1, 76]],
      ['I16', new Uint8Array(Int16Array.of(-1, 76).buffer), [-1, 76]],
      ['I8', new Uint8Array(Int8Array.of(-1, 76).buffer), [-1, 76]],
      ['U64', new Uint8Array(BigUint64Array.of(1n, 76n).buffer), [1, 76]],
      ['U32', new Uint8Array(Uint32Array.of(1, 76).buffer), [1, 76]],
      ['U16', new Uint8Array(Uint16Array.of(1, 65535).buffer), [1, 65535]],
      ['U8', Uint8Array.of(255, 1), [255, 1]],
      ['BOOL', Uint8Array.of(0, 1), [0, 1]],
    ]
    for (const [dtype, bytes, values] of cases) {
      await writeFile(path, file({ x: tensor(0, bytes.length, [2], dtype) }, bytes))
      expect([...(await readTensors(path)).get('x')!.data], dtype).toEqual(values)
    }
  })
})

test.each([
  ['F32', new Uint8Array(Float32Array.of(1, Number.NaN).buffer), 'NaN (its number 1)'],
  ['F16', new Uint8Array(Uint16Array.of(0xfc00, 0x3c00).buffer), '-Infinity (its number 0)'],
  ['BF16', new Uint8Array(Uint16Array.of(0x3f80, 0x7f80).buffer), 'Infinity (its number 1)'],
  ['F64', new Uint8Array(Float64Array.of(0, 1e300).buffer), 'Infinity (its number 1)'],
])('a tensor of %s that is not finite is refused by its name', async (dtype, bytes, found) => {
  await writeFile(path, file({ x: tensor(0, bytes.length, [2], dtype) }, bytes))
  await expect(readTensors(path)).rejects.toThrow(
    `weights.safetensors: tensor 'x' holds ${found}, expected finite numbers`,
  )
})

test.each([
  [
    'twice',
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
  ],
  [
    'once escaped',
    '{"\\u0061" : {"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
  ],
])('two tensors of one name (%s) are refused', async (_, header) => {
  const bytes = Buffer.alloc(8 + header.length + 4)
  bytes.writeBigUInt64LE(BigInt(header.length))
  bytes.write(header, 8)
  await writeFile(path, bytes)
  await expect(readTensors(path)).rejects.toThrow(/two of its tensors are called 'a'/)
})

test('a tensor of too many axes is refused by its name', async () => {
  const values = Uint8Array.of(1)
  await writeFile(path, file({ x: tensor(0, 1, Array(33).fill(1), 'U8') }, values))
  await expect(readTensors(path)).rejects.toThrow(/tensor 'x' has 33 axes, expected at most 32/)
})

describe('a broken file is refused, by name', () => {
  const cases: Record<string, Uint8Array> = {
    empty: new Uint8Array(0),
    'seven bytes': new Uint8Array(7),
    'header longer than the file': file({}, 0, 1000),
    'header of 2^63 bytes': Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, 0x80]), Buffer.alloc(64)]),
    'header too long to be true': file({}, 0, 200_000_000),
    'no header': file('', 0),
    'header no JSON': file('{"a": ', 0),
    'header cut in a string': file('{"a": "b', 0),
    'header no UTF-8': Buffer.concat([file('', 0, 2).subarray(0, 8), Buffer.from([0xff, 0xfe])]),
    'header an array': file([], 0),
    'header a number': file(5, 0),
    'header null': file(null, 0),
    'metadata a string': file({ __metadata__: 'x' }, 0),
    'metadata of numbers': file({ __metadata__: { step: 5 } }, 0),
    'metadata nested': file({ __metadata__: { config: {} } }, 0),
    'tensor a number': file({ bad: 5 }, 0),
    'tensor null': file({ bad: null }, 0),
    'tensor an array': file({ bad: [] }, 0),
    'no dtype': file({ bad: { shape: [1], data_offsets: [0, 4] } }, 4),
    'unknown dtype': file({ bad: tensor(0, 4, [1], 'F8_E4M3') }, 4),
    'dtype a property of every object': file({ bad: tensor(0, 4, [1], 'toString') }, 4),
    'no shape': file({ bad: { dtype: 'F32', data_offsets: [0, 4] } }, 4),
    'shape a number': file({ bad: { dtype: 'F32', shape: 1, data_offsets: [0, 4] } }, 4),
    'negative size': file({ bad: tensor(0, 4, [-1]) }, 4),
    'two negative sizes': file({ bad: tensor(0, 4, [-1, -1]) }, 4),
    'fractional size': file({ bad: tensor(0, 4, [0.5]) }, 4),
    'size a string': file({ bad: { dtype: 'F32', shape: ['1'], data_offsets: [0, 4] } }, 4),
    'no offsets': file({ bad: { dtype: 'F32', shape: [1] } }, 4),
    'one offset': file({ bad: { dtype: 'F32', shape: [1], data_offsets: [4] } }, 4),
    'three offsets': file({ bad: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 4),
    'offsets reversed': file({ bad: tensor(4, 0, [1]) }, 4),
    'negative offset': file({ bad: tensor(-4, 0, [1]) }, 4),
    'offset beyond integers': file('{"bad":{"dtype":"F32","shape":[1],"data_offsets":[1e300,1e300]}}', 4),
    'range too short for the shape': file({ bad: tensor(0, 4, [2]) }, 4),
    'range too long for the shape': file({ bad: tensor(0, 8, [1]) }, 8),
    'shape that overflows': file({ bad: tensor(0, 4, [2 ** 52, 2 ** 52]) }, 4),
    overlap: file({ a: tensor(0, 8), bad: tensor(4, 12) }, 12),
    'same range twice': file({ a: tensor(0, 4), bad: tensor(0, 4) }, 4),
    hole: file({ a: tensor(0, 4), bad: tensor(8, 12) }, 12),
    'hole at the beginning': file({ bad: tensor(4, 8) }, 8),
    'last tensor truncated': file({ a: tensor(0, 4), bad: tensor(4, 12) }, 11),
    'bytes left over': file({ bad: tensor(0, 4) }, 5),
    'bytes but no tensor': file({}, 4),
  }
  it.each(Object.entries(cases))('%s', async (_, bytes) => {
    await writeFile(path, bytes)
    const error: unknown = await readSafetensors(path).catch(e => e)
    expect(error).toBeInstanceOf(UserError)
    expect((error as Error).message).toContain(path)
    expect((error as Error).message).not.toContain('\n')
    // A tensor described wrongly is named; that the file's length is wrong is no one tensor's fault.
    const aboutLength = (error as Error).message.includes('bytes, the file has')
    if (Buffer.from(bytes).includes('"bad"') && !aboutLength) expect((error as Error).message).toContain("'bad'")
  })

  it('whatever bytes are changed, the answer is tensors or a UserError', async () => {
    const good = file({ a: tensor(0, 8), b: tensor(8, 12, [1], 'I32'), __metadata__: { step: '7' } }, 12)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 0, max: good.length }),
        async (changes, length) => {
          const bytes = Uint8Array.from(good)
          for (const [at, value] of changes) bytes[at] = value
          await writeFile(path, bytes.subarray(0, length))
          const result: unknown = await readSafetensors(path).catch(e => e)
          if (result instanceof Error) expect(result).toBeInstanceOf(UserError)
          else expect(length).toBe(good.length)
        },
      ),
      { numRuns: 300, seed: 1 },
    )
  })
})

describe('toFloat16', () => {
  it('inverts fromFloat16 for every half', () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i).filter(h => (h & 0x7fff) <= 0x7c00)
    expect(toFloat16(fromFloat16(halves))).toEqual(halves)
  })

  it('rounds to the nearest, ties to even', () => {
    const ulp = 2 ** -10
    const rounded = (value: number) => fromFloat16(toFloat16(Float32Array.of(value)))[0]
    expect(rounded(1 + 0.5 * ulp)).toBe(1)
    expect(rounded(1 + 1.5 * ulp)).toBe(1 + 2 * ulp)
    expect(rounded(1 + 0.51 * ulp)).toBe(1 + ulp)
    expect(rounded(65519)).toBe(65504)
    expect(rounded(65520)).toBe(Number.POSITIVE_INFINITY)
    expect(rounded(2 ** -25)).toBe(0)
    expect(rounded(1.01 * 2 ** -25)).toBe(2 ** -24)
    expect(rounded(Number.NaN)).toBeNaN()
  })
})
