/**
 * A small machine for Python's pickles (protocols 2 to 5, the opcodes of CPython's pickletools) that runs no code: it
 * builds numbers, strings, lists, tuples and dictionaries, and calls nothing but the functions it is given. Everything
 * that a file could make large is bounded. A library's reader would import and call what the file names.
 */
import type { UserError } from '../util/errors.ts'
import { quoted, type Wrong } from './tensor-file.ts'

/** What a global of an allow-list does when the pickle calls it, and when it hands a state to what came of that. */
export interface PickleGlobal {
  readonly name: string
  readonly call: (args: readonly unknown[]) => unknown
}

export interface PickleOptions {
  /** The global called MODULE.NAME; throws when it is not on the allow-list. */
  readonly global: (name: string) => PickleGlobal
  /** The object that the pickle refers to from outside. */
  readonly persistent: (id: unknown) => unknown
  readonly wrong: Wrong
}

/** An object of a class of the allow-list that nothing reads. */
export class Inert {
  constructor(readonly name: string) {}
}

/** Every opcode takes one of these; the largest published checkpoints stay below a tenth. */
const maximumOperations = 1_000_000
const maximumDigits = 256

/** Thrown when the bytes end before the pickle does. */
export class PickleEnd extends Error {}

/**
 * Reads one pickle.
 * @returns its object and the position after it; dictionaries are Maps, lists and tuples arrays, byte strings Buffers
 * @throws PickleEnd when `bytes` end before it does; UserError for all that is not allowed
 */
export function unpickle(bytes: Buffer, start: number, options: PickleOptions): { value: unknown; end: number } {
  const machine = new Machine(bytes, start, options)
  for (let i = 0; i < maximumOperations; i++) {
    if (machine.step()) return { value: machine.pop(), end: machine.position }
  }
  throw options.wrong(`its pickle takes more than ${maximumOperations} operations`)
}

class Machine {
  readonly #bytes: Buffer
  readonly #options: PickleOptions
  readonly #stack: unknown[] = []
  /** Heights of the stack at the marks that are open. */
  readonly #marks: number[] = []
  readonly #memo = new Map<number, unknown>()
  position: number

  constructor(bytes: Buffer, position: number, options: PickleOptions) {
    this.#bytes = bytes
    this.position = position
    this.#options = options
  }

  /** Runs one operation; whether it was the last. */
  step(): boolean {
    const opcode = String.fromCharCode(this.#take(1)[0]!)
    if (opcode === '.') return true
    const operation = operations[opcode]
    if (!operation) throw this.wrong(`opcode 0x${opcode.charCodeAt(0).toString(16)}`)
    operation(this)
    return false
  }

  wrong(what: string): UserError {
    return this.#options.wrong(`its pickle holds ${what} at byte ${this.position}, which no checkpoint needs`)
  }

  push(value: unknown): void {
    this.#stack.push(value)
  }

  pop(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.wrong('an operation on an empty stack')
    return this.#stack.pop()
  }

  top(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.wrong('an operation on an empty stack')
    return this.#stack.at(-1)
  }

  mark(): void {
    this.#marks.push(this.#stack.length)
  }

  popToMark(): unknown[] {
    const height = this.#marks.pop()
    if (height === undefined) throw this.wrong('an operation that lacks its mark')
    return this.#stack.splice(height)
  }

  popMany(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse()
  }

  put(index = this.#memo.size): void {
    this.#memo.set(index, this.top())
  }

  get(index: number): void {
    if (!this.#memo.has(index)) throw this.wrong(`a reference to object ${index}, which is not there`)
    this.push(this.#memo.get(index))
  }

  uint(length: 1 | 2 | 4): number {
    return this.#take(length).readUIntLE(0, length)
  }

  int32(): number {
    return this.#take(4).readInt32LE()
  }

  float64(): number {
    return this.#take(8).readDoubleBE()
  }

  /** A length of 8 bytes; one that no number holds ends the file, as any that is too large does. */
  length8(): number {
    return Number(this.#take(8).readBigUInt64LE())
  }

  text(length: number): string {
    return this.#take(length).toString('utf8')
  }

  bytes(length: number): Buffer {
    return this.#take(length)
  }

  /** The text up to the end of the line. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position)
    if (end < 0) throw new PickleEnd()
    const text = this.#bytes.toString('utf8', this.position, end)
    this.position = end + 1
    return text
  }

  /** A two's complement integer, little-endian; a number where one holds it. */
  long(length: number): number | bigint {
    if (length > maximumDigits) throw this.wrong(`an integer of ${length} bytes`)
    const digits = Buffer.from(this.#take(length)).reverse().toString('hex')
    const value = BigInt.asIntN(8 * length, BigInt(`0x0${digits}`))
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }

  global(module: unknown, name: unknown): void {
    this.push(this.#options.global(`${module}.${name}`))
  }

  persistent(id: unknown): void {
    this.push(this.#options.persistent(id))
  }

  /** Calls a global of the allow-list: nothing else is callable. */
  call(callee: unknown, args: unknown): void {
    if (!isGlobal(callee) || !Array.isArray(args)) throw this.wrong('a call of what is no function')
    this.push(callee.call(args))
  }

  append(values: readonly unknown[]): void {
    const list = this.top()
    if (!Array.isArray(list)) throw this.wrong('a list operation on what is no list')
    for (const value of values) list.push(value)
  }

  setItems(items: readonly unknown[]): void {
    const dictionary = this.top()
    if (!(dictionary instanceof Map) || items.length % 2 !== 0) {
      throw this.wrong('a dictionary operation on what is no dictionary')
    }
    for (let i = 0; i < items.length; i += 2) dictionary.set(items[i], items[i + 1])
  }

  /** A state is attributes besides the contents: none of them is a tensor of the model. */
  build(): void {
    this.pop()
    const target = this.top()
    if (!(target instanceof Map) && !(target instanceof Inert)) throw this.wrong('a state for what takes none')
  }

  #take(length: number): Buffer {
    if (length > this.#bytes.length - this.position) throw new PickleEnd()
    const start = this.position
    this.position += length
    return this.#bytes.subarray(start, this.position)
  }
}

const isGlobal = (value: unknown): value is PickleGlobal =>
  typeof value === 'object' && value !== null && 'call' in value && typeof value.call === 'function'

const mapOf = (items: readonly unknown[], m: Machine): void => {
  m.push(new Map())
  m.setItems(items)
}

/** By opcode, in the order of pickletools: what a checkpoint uses of it. */
const operations: Readonly<Record<string, (m: Machine) => void>> = {
  '\x80': m => {
    const protocol = m.uint(1) // PROTO
    if (protocol > 5) throw m.wrong(`protocol ${protocol}`)
  },
  '\x95': m => void m.length8(), // FRAME
  '(': m => m.mark(), // MARK
  '0': m => void m.pop(), // POP
  '1': m => void m.popToMark(), // POP_MARK
  '2': m => m.push(m.top()), // DUP
  J: m => m.push(m.int32()), // BININT
  K: m => m.push(m.uint(1)), // BININT1
  M: m => m.push(m.uint(2)), // BININT2
  '\x8a': m => m.push(m.long(m.uint(1))), // LONG1
  '\x8b': m => m.push(m.long(m.uint(4))), // LONG4
  N: m => m.push(null), // NONE
  '\x88': m => m.push(true), // NEWTRUE
  '\x89': m => m.push(false), // NEWFALSE
  G: m => m.push(m.float64()), // BINFLOAT
  '\x8c': m => m.push(m.text(m.uint(1))), // SHORT_BINUNICODE
  X: m => m.push(m.text(m.uint(4))), // BINUNICODE
  '\x8d': m => m.push(m.text(m.length8())), // BINUNICODE8
  U: m => m.push(m.text(m.uint(1))), // SHORT_BINSTRING: Python 2's names
  T: m => m.push(m.text(m.uint(4))), // BINSTRING
  C: m => m.push(m.bytes(m.uint(1))), // SHORT_BINBYTES
  B: m => m.push(m.bytes(m.uint(4))), // BINBYTES
  '\x8e': m => m.push(m.bytes(m.length8())), // BINBYTES8
  ']': m => m.push([]), // EMPTY_LIST
  l: m => m.push(m.popToMark()), // LIST
  a: m => {
    const value = m.pop() // APPEND
    m.append([value])
  },
  e: m => m.append(m.popToMark()), // APPENDS
  ')': m => m.push([]), // EMPTY_TUPLE
  t: m => m.push(m.popToMark()), // TUPLE
  '\x85': m => m.push(m.popMany(1)), // TUPLE1
  '\x86': m => m.push(m.popMany(2)), // TUPLE2
  '\x87': m => m.push(m.popMany(3)), // TUPLE3
  '}': m => mapOf([], m), // EMPTY_DICT
  d: m => mapOf(m.popToMark(), m), // DICT
  s: m => m.setItems(m.popMany(2)), // SETITEM
  u: m => m.setItems(m.popToMark()), // SETITEMS
  q: m => m.put(m.uint(1)), // BINPUT
  r: m => m.put(m.uint(4)), // LONG_BINPUT
  '\x94': m => m.put(), // MEMOIZE
  h: m => m.get(m.uint(1)), // BINGET
  j: m => m.get(m.uint(4)), // LONG_BINGET
  c: m => m.global(m.line(), m.line()), // GLOBAL
  '\x93': m => {
    const [module, name] = m.popMany(2) // STACK_GLOBAL
    if (typeof module !== 'string' || typeof name !== 'string') throw m.wrong('a global without a name')
    m.global(module, name)
  },
  R: m => {
    const [callee, args] = m.popMany(2) // REDUCE
    m.call(callee, args)
  },
  '\x81': m => {
    const [callee, args] = m.popMany(2) // NEWOBJ
    m.call(callee, args)
  },
  b: m => m.build(), // BUILD
  Q: m => m.persistent(m.pop()), // BINPERSID
}

/** The allow-list of `globals`; any other global is refused by its name. */
export function allowList(globals: readonly PickleGlobal[], wrong: Wrong): (name: string) => PickleGlobal {
  const byName = new Map(globals.map(global => [global.name, global]))
  return name => {
    const found = byName.get(name)
    if (!found) throw wrong(`its pickle asks for ${quoted(name)}, which is refused: it is not among what makes tensors`)
    return found
  }
}
