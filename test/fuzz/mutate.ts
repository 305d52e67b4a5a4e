/** Changes of files that make readers stumble: of bytes, of numbers in them, of text, of JSON. The same ones for a seed. */
import type { RandomStream } from '../../src/util/random.ts'

/** A file of a case by its name, and what was done to it. */
export interface Mutant {
  readonly bytes: Buffer
  readonly how: string
}

type Mutator = (bytes: Buffer, random: RandomStream, other: Buffer) => Buffer

/** Numbers at which sizes overflow, turn negative or are taken for none. */
const extremes = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 40n,
  1n << 62n,
  (1n << 64n) - 1n,
]

/** Names that lead elsewhere. */
export const hostileNames = [
  '../outside/x.jpg',
  '../../outside/x.jpg',
  '/tmp/outside/x.jpg',
  'C:\\outside\\x.jpg',
  '..\\outside\\x.jpg',
  'a\0.jpg',
  '.',
  '..',
  '',
  'con.jpg',
  'link/x.jpg',
  'x'.repeat(5000),
  '__proto__',
  'constructor',
]

const pick = <T>(items: readonly T[], random: RandomStream): T => items[random.integer(items.length)]!

const bytesMutators: Readonly<Record<string, Mutator>> = {
  'flips bits': (bytes, random) => {
    const copy = Buffer.from(bytes)
    for (let i = 0; i <= random.integer(8); i++) copy[random.integer(copy.length)]! ^= 1 << random.integer(8)
    return copy
  },
  'sets bytes': (bytes, random) => {
    const copy = Buffer.from(bytes)
    const at = random.integer(copy.length)
    copy.fill(pick([0, 0x7f, 0x80, 0xff], random), at, Math.min(copy.length, at + 1 + random.integer(16)))
    return copy
  },
  'writes an extreme number': (bytes, random) => {
    const copy = Buffer.from(bytes)
    const width = pick([1, 2, 4, 8], random)
    if (copy.length < width) return copy
    let value = BigInt.asUintN(8 * width, pick(extremes, random))
    const [at, isBig] = [random.integer(copy.length - width + 1), random.integer(2) === 1]
    for (let i = 0; i < width; i++, value >>= 8n) copy[isBig ? at + width - 1 - i : at + i] = Number(value & 0xffn)
    return copy
  },
  'writes an extreme number near an end': (bytes, random) => {
    const copy = Buffer.from(bytes)
    const width = pick([2, 4, 8], random)
    if (copy.length < 64 + width) return copy
    let value = BigInt.asUintN(8 * width, pick(extremes, random))
    const near = random.integer(64)
    const at = random.integer(2) === 0 ? near : copy.length - width - near
    for (let i = 0; i < width; i++, value >>= 8n) copy[at + i] = Number(value & 0xffn)
    return copy
  },
  'cuts it off': (bytes, random) => bytes.subarray(0, random.integer(bytes.length)),
  'leaves a part out': (bytes, random) => {
    const at = random.integer(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.integer(64))])
  },
  'repeats a part': (bytes, random) => {
    const [at, length] = [random.integer(bytes.length), 1 + random.integer(256)]
    const part = bytes.subarray(at, at + length)
    return Buffer.concat([
      bytes.subarray(0, at),
      ...Array.from({ length: 1 + random.integer(1000) }, () => part),
      bytes.subarray(at),
    ])
  },
  'puts something in': (bytes, random) => {
    const at = random.integer(bytes.length)
    const noise = Buffer.from(Array.from({ length: 1 + random.integer(32) }, () => random.integer(256)))
    return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)])
  },
  'goes on as another file': (bytes, random, other) =>
    Buffer.concat([bytes.subarray(0, random.integer(bytes.length)), other.subarray(random.integer(other.length))]),
  'is followed by zeros': (bytes, random) => Buffer.concat([bytes, Buffer.alloc(1 + random.integer(1 << 20))]),
}

/** Values that a reader of JSON may meet in place of another. */
const strangeValues = (random: RandomStream): unknown => {
  const values: (() => unknown)[] = [
    () => null,
    () => -1,
    () => 1e308,
    () => 2 ** 53,
    () => 0.5,
    () => true,
    () => '',
    () => [],
    () => ({}),
    () => Array(1000).fill(1),
    () => 'x'.repeat(100_000),
    () => pick(hostileNames, random),
    () => Array.from({ length: 200 }).reduce((inner: unknown) => [inner], 1),
  ]
  return pick(values, random)()
}

/** Replaces, removes or doubles one value, wherever it is. */
function mutateJson(value: unknown, random: RandomStream): unknown {
  if (typeof value !== 'object' || value === null || random.integer(6) === 0) return strangeValues(random)
  const keys = Object.keys(value)
  if (keys.length === 0) return strangeValues(random)
  const key = pick(keys, random)
  if (Array.isArray(value)) {
    const copy = [...value]
    if (random.integer(8) === 0) copy.splice(Number(key), random.integer(2), copy[Number(key)])
    else copy[Number(key)] = mutateJson(copy[Number(key)], random)
    return copy
  }
  const copy: Record<string, unknown> = { ...value }
  if (random.integer(8) === 0) delete copy[key]
  else if (random.integer(10) === 0) copy[pick(hostileNames, random)] = copy[key]
  else copy[key] = mutateJson(copy[key], random)
  return copy
}

/** Of text that people write: lines doubled, left out, indented, brackets and anchors put in. */
const textMutators: Readonly<Record<string, Mutator>> = {
  'moves lines': (bytes, random) => {
    const lines = bytes.toString('utf8').split('\n')
    const at = random.integer(lines.length)
    const [line] = lines.splice(at, 1) as [string]
    const kinds = [[], [line, line], [` ${line}`], [line, `${' '.repeat(random.integer(8))}${line}`]]
    lines.splice(random.integer(lines.length + 1), 0, ...pick(kinds, random))
    return Buffer.from(lines.join('\n'))
  },
  'puts marks in': (bytes, random) => {
    const text = bytes.toString('utf8')
    const at = random.integer(text.length + 1)
    const mark = pick(
      [
        '[',
        '{',
        '&a ',
        '*a',
        '- ',
        ': ',
        '? ',
        '|\n',
        '!!binary ',
        '<<: ',
        '"',
        "'",
        '\t',
        '\0',
        '\u2028',
        '---\n',
        '%',
      ],
      random,
    )
    return Buffer.from(text.slice(0, at) + mark.repeat(1 + random.integer(3000)) + text.slice(at))
  },
}

/**
 * A mutant of a file, which differs from it.
 * @param other another file of the corpus
 */
export function mutate(bytes: Buffer, random: RandomStream, other: Buffer): Mutant {
  for (;;) {
    const mutant = change(bytes, random, other)
    if (!mutant.bytes.equals(bytes)) return mutant
  }
}

function change(bytes: Buffer, random: RandomStream, other: Buffer): Mutant {
  const text = bytes.toString('utf8')
  const isText = !/[^\P{Cc}\s]/u.test(text) && Buffer.byteLength(text) === bytes.length
  if (isText && /^\s*[{[]/.test(text) && random.integer(4) > 0) {
    try {
      let value: unknown = JSON.parse(text)
      for (let i = 0; i <= random.integer(3); i++) value = mutateJson(value, random)
      return { bytes: Buffer.from(JSON.stringify(value) ?? ''), how: 'changes values of JSON' }
    } catch {} // It is text like any other.
  }
  const mutators = isText && random.integer(2) === 0 ? textMutators : bytesMutators
  const how = pick(Object.keys(mutators), random)
  return { bytes: mutators[how]!(bytes.length > 0 ? bytes : Buffer.alloc(1), random, other), how }
}
