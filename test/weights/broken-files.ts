/**
 * Broken and hostile files, the same ones every time: for each format truncations, headers that lie, tensors that leave
 * their storage, programs in place of data, and what would fill the memory or never end.
 */
import { encodeModel, type OnnxTensor, onnxType } from '../../src/weights/onnx.ts'
import * as made from './checkpoints.ts'

/** Files of one case by name; the one called `model` is opened. */
export interface BrokenFile {
  readonly name: string
  readonly files: Readonly<Record<string, Uint8Array>>
}

const { code, pickle, text, integer, tuple, global, call, dictionary, storage, tensor, checkpoint, zip } = made

const floats = (count: number): Buffer => Buffer.from(new Float32Array(count).fill(1).buffer)
const one = (name: string, bytes: Uint8Array): BrokenFile => ({ name, files: { model: bytes } })
const named = (prefix: string, cases: Readonly<Record<string, Uint8Array>>): BrokenFile[] =>
  Object.entries(cases).map(([name, bytes]) => one(`${prefix}: ${name}`, bytes))

/** The first parts of a file, of several lengths from nothing to all but a byte. */
const truncations = (format: string, bytes: Uint8Array, count: number): BrokenFile[] =>
  Array.from({ length: count }, (_, i) => {
    const length = Math.floor((i * (bytes.length - 1)) / (count - 1))
    return one(`${format}: ${length} of ${bytes.length} bytes`, bytes.subarray(0, length))
  })

const uint64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** Every file; `canary` is what their programs would write. */
export function brokenFiles(canary: string): BrokenFile[] {
  return [
    ...safetensors(),
    ...zipped(),
    ...pickles(canary),
    ...views(),
    ...legacy(canary),
    ...onnx(),
    ...tfjs(),
    ...others(),
  ]
}

function safetensors(): BrokenFile[] {
  const file = (header: unknown, bytes: number, length?: bigint) => {
    const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
    return Buffer.concat([uint64(length ?? BigInt(json.length)), json, floats(bytes / 4)])
  }
  const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype: unknown = 'F32') => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  })
  const whole = file({ a: entry(0, 16), b: entry(16, 48, [2, 4]) }, 48)
  const lengths = [1n, 9n, 1n << 20n, 1n << 31n, 1n << 32n, 1n << 48n, (1n << 56n) - 1n]
  return [
    ...truncations('safetensors', whole, 16),
    ...lengths.map(length => one(`safetensors: header of ${length} bytes`, file({ a: entry(0, 4) }, 4, length))),
    ...named('safetensors', {
      'tensors overlap': file({ a: entry(0, 8), b: entry(4, 12) }, 12),
      'tensors are one': file({ a: entry(0, 8), b: entry(0, 8) }, 8),
      'tensor within another': file({ a: entry(0, 16), b: entry(4, 8) }, 16),
      'hole between tensors': file({ a: entry(0, 4), b: entry(8, 12) }, 12),
      'begins late': file({ a: entry(4, 8) }, 8),
      'beyond the end': file({ a: entry(0, 1 << 30) }, 8),
      exabytes: file({ a: entry(0, 2 ** 52, [2 ** 50]) }, 8),
      'sizes that overflow': file({ a: entry(0, 8, [2 ** 32, 2 ** 32, 2 ** 32]) }, 8),
      'sizes that overflow to nothing': file(`{"a":{"dtype":"F32","shape":[1e308,1e308],"data_offsets":[0,8]}}`, 8),
      'offsets reversed': file({ a: { ...entry(8, 0), shape: [2] } }, 8),
      'negative offset': file({ a: entry(-8, 0) }, 8),
      'negative size': file({ a: entry(0, 8, [-2]) }, 8),
      'half a size': file({ a: entry(0, 8, [0.5, 4]) }, 8),
      'endless shape': file({ a: entry(0, 8, Array(100_000).fill(1).concat(3)) }, 8),
      'shape of shapes': file(
        `{"a":{"dtype":"F32","shape":${'['.repeat(50_000)}${']'.repeat(50_000)},"data_offsets":[0,8]}}`,
        8,
      ),
      'long name with line ends': file({ [`x\n${'y'.repeat(100_000)}`]: entry(0, 8, [3]) }, 8),
      'long dtype': file({ a: entry(0, 8, [2], 'F'.repeat(100_000)) }, 8),
      'dtype of every object': file({ a: entry(0, 8, [2], 'constructor') }, 8),
      'tensor a list': file({ a: [1] }, 8),
      'metadata of a number': file({ __metadata__: { a: 1 }, b: entry(0, 8) }, 8),
      'header a list of nothing': file('{}'.padEnd(8), 8),
      'text after the header': file('{"a":{}} x', 8),
      'nothing described': file({}, 8),
    }),
  ]
}

function zipped(): BrokenFile[] {
  const data = pickle(dictionary([[text('w'), tensor([4])]]))
  const entries = [
    { name: 'm/data.pkl', data },
    { name: 'm/data/0', data: floats(4) },
  ]
  const whole = zip(entries)
  const patched = (at: number, bytes: Uint8Array) => {
    const copy = Buffer.from(whole)
    copy.set(bytes, at < 0 ? copy.length + at : at)
    return copy
  }
  const [pkl, numbers] = entries as [(typeof entries)[0], (typeof entries)[0]]
  return [
    ...truncations('zip', whole, 16),
    ...named('zip', {
      'end of the directory alone': whole.subarray(whole.length - 98),
      'directory at 2^60': patched(-98 + 48, uint64(1n << 60n)),
      'directory at 2^63': patched(-98 + 48, uint64(1n << 63n)),
      'directory at the beginning': patched(-98 + 48, uint64(0n)),
      'directory beyond the end': patched(-98 + 48, uint64(BigInt(whole.length))),
      'a billion entries': patched(-98 + 32, uint64(1_000_000_000n)),
      'more entries than it has': patched(-98 + 32, uint64(40n)),
      'zip64 record at 2^62': patched(-42 + 8, uint64(1n << 62n)),
      'zip64 record elsewhere': patched(-42 + 8, uint64(3n)),
      'several disks': patched(-98 + 16, uint32(7)),
      'bytes after the end': Buffer.concat([whole, Buffer.alloc(10)]),
      'no pickle': zip([numbers]),
      'two pickles': zip([pkl, numbers, { name: 'n/data.pkl', data }]),
      'a pickle too deep': zip([{ name: 'm/n/data.pkl', data }, numbers]),
      'empty pickle': zip([{ name: 'm/data.pkl', data: Buffer.alloc(0) }, numbers]),
      'entry above': zip([pkl, numbers, { name: '../../evil', data: floats(1) }]),
      'entry of the root': zip([pkl, numbers, { name: '/etc/evil', data: floats(1) }]),
      'pickle of a terabyte': zip([{ ...pkl, size: 2 ** 40 }, numbers]),
      'storage of an exabyte': zip([pkl, { ...numbers, size: 2 ** 52 }]),
      'storage too long': zip([pkl, { name: 'm/data/0', data: floats(5) }]),
      'storage too short': zip([pkl, { name: 'm/data/0', data: floats(3) }]),
      'storage missing': zip([pkl, { name: 'm/data/1', data: floats(4) }]),
      'storage compressed': zip([pkl, { ...numbers, method: 8 }]),
      'pickle compressed by a method of its own': zip([{ ...pkl, method: 99 }, numbers]),
      'entries overlap': zip([pkl, { ...numbers, at: 4 }]),
      'entries are one': zip([pkl, numbers, { ...numbers, name: 'm/data/1', at: 31 }]),
      'big-endian': zip([pkl, numbers, { name: 'm/byteorder', data: Buffer.from('big') }]),
      'a program': zip([pkl, numbers, { name: 'm/constants.pkl', data }]),
    }),
  ]
}

/** What a pickle may call where nobody looks, and how it would write the canary. */
const callees: readonly (readonly [module: string, name: string])[] = [
  ['os', 'system'],
  ['posix', 'system'],
  ['nt', 'system'],
  ['subprocess', 'Popen'],
  ['subprocess', 'check_output'],
  ['builtins', 'eval'],
  ['builtins', 'exec'],
  ['builtins', '__import__'],
  ['builtins', 'getattr'],
  ['builtins', 'open'],
  ['__builtin__', 'eval'],
  ['importlib', 'import_module'],
  ['runpy', '_run_code'],
  ['pickle', 'loads'],
  ['functools', 'partial'],
  ['operator', 'attrgetter'],
  ['webbrowser', 'open'],
  ['socket', 'create_connection'],
  ['torch', 'load'],
  ['torch.hub', 'load'],
  ['torch.serialization', 'load'],
  ['torch._utils', '_rebuild_sparse_tensor'],
  ['numpy', 'load'],
  ['constructor', 'constructor'],
  ['process', 'exit'],
  ['pytorch_lightning.callbacks.model_checkpoint', 'ModelCheckpoint.__init__'],
]

function pickles(canary: string): BrokenFile[] {
  const command = text(`touch ${canary}`)
  const store = { 0: floats(4) }
  const hostile = (name: string, ...parts: (string | Buffer)[]) =>
    one(`pickle: ${name}`, checkpoint(pickle(...parts), store))
  const state = dictionary([[text('w'), tensor([4])]])
  const size = (bytes: number) => uint64(BigInt(bytes))
  return [
    ...callees.map(([module, name]) => hostile(`calls ${module}.${name}`, call(global(module, name), command))),
    ...callees.slice(0, 8).flatMap(([module, name]) => [
      hostile(
        `${module}.${name} by its name on the stack`,
        code(text(module), text(name), '\x93'),
        tuple(command),
        'R',
      ),
      hostile(`makes an object of ${module}.${name}`, global(module, name), tuple(command), '\x81'),
      hostile(
        `${module}.${name} among tensors`,
        dictionary([
          [text('w'), tensor([4])],
          [text('x'), call(global(module, name), command)],
        ]),
      ),
    ]),
    hostile(
      'names os.system, and does not call it',
      dictionary([
        [text('w'), tensor([4])],
        [text('x'), global('os', 'system')],
      ]),
    ),
    hostile('an instance by INST', '(', command, 'ios\nsystem\n'),
    hostile('an object by OBJ', '(', global('os', 'system'), command, 'o'),
    hostile('an extension', '\x82\x01'),
    hostile('keyword arguments', global('os', 'system'), tuple(command), dictionary([]), '\x92'),
    hostile('a persistent id of text', 'Pstorage\n'),
    hostile('calls a list', '](', command, 'tR'),
    hostile('calls a string', text('os.system'), tuple(command), 'R'),
    hostile('calls a dictionary with `call`', dictionary([[text('call'), text('x')]]), tuple(command), 'R'),
    hostile('calls a storage', global('torch', 'FloatStorage'), tuple(integer(4)), 'R'),
    hostile('calls without arguments', global('collections', 'OrderedDict'), 'NR'),
    hostile('a dictionary of numbers', call(global('collections', 'OrderedDict'), code(']', integer(1), 'a'))),
    hostile('a state for a list', ']', dictionary([[text('__reduce__'), command]]), 'b'),
    hostile('a state for a tensor', tensor([4]), dictionary([]), 'b'),
    hostile('pops an empty stack', '0'),
    hostile('pops below a mark', state, '(0'),
    hostile('ends with nothing'),
    hostile('ends within a mark', state, '('),
    hostile('a tuple without a mark', state, 't'),
    hostile('a pair of one', code(state, '\x86')),
    hostile('remembers nothing', 'h\x05'),
    hostile('remembers object 2^32 - 1', code('j', uint32(0xffffffff))),
    hostile('an unknown opcode', '\xff'),
    hostile('protocol 9', '\x80\x09', state),
    hostile('appends to a dictionary', '}', command, 'a'),
    hostile('sets items of a list', ']', text('a'), text('b'), 's'),
    hostile('a key without a value', '}(', text('a'), 'u'),
    hostile('text of an exabyte', code('\x8d', size(2 ** 50))),
    hostile('bytes of two exabytes', code('\x8e', uint64((1n << 63n) + 1n))),
    hostile('text of 4 GB', code('X', uint32(0xffffffff))),
    hostile('an integer of 2 GB', code('\x8b', uint32(0x7fffffff))),
    hostile('an integer of 64 kB', code('\x8b', uint32(65_536), Buffer.alloc(65_536, 0xff))),
    hostile('a global without its end', 'cos'),
    hostile('a global of numbers', integer(1), integer(2), '\x93'),
    hostile('a list in itself', ']q\x00h\x00a'),
    hostile('a dictionary in itself', '}q\x00', text('state_dict'), 'h\x00s'),
    hostile('a tuple of itself', '(]q\x00(h\x00ttq\x01h\x01'),
    hostile('lists 300,000 deep', ']'.repeat(300_000), 'a'.repeat(299_999)),
    hostile('two million copies', ']', '2'.repeat(2_000_000)),
    hostile('a million dictionaries', '](', '}'.repeat(1_100_000), 'e'),
    hostile('a million marks', '('.repeat(1_100_000)),
    hostile('2^200 leaves as a shape', ...endless('shape')),
    hostile('2^200 leaves as a storage', ...endless('storage')),
    hostile('2^200 leaves', ')', '2\x86'.repeat(200)),
  ]
}

/** A tuple of two of a tuple of two ..., where a tensor is described. */
function endless(where: 'shape' | 'storage'): Buffer[] {
  const laughs = code(')', '2\x86'.repeat(200))
  const rebuild = global('torch._utils', '_rebuild_tensor_v2')
  if (where === 'shape') return [call(rebuild, storage('0', 4), integer(0), laughs, laughs, '\x89', 'N')]
  return [code(tuple(text('storage'), laughs, laughs, laughs, laughs), 'Q')]
}

/** Tensors that are no part of their storage. */
function views(): BrokenFile[] {
  const rebuild = global('torch._utils', '_rebuild_tensor_v2')
  const four = storage('0', 4)
  const built = (...args: (string | Buffer)[]) => call(rebuild, ...args, '\x89', 'N')
  const shapes: Record<string, Buffer> = {
    'offset at the end': tensor([4], { offset: 1 }),
    'offset far out': tensor([1], { offset: 2 ** 52, length: 4 }),
    'negative offset': tensor([1], { offset: -1, length: 4 }),
    'strides too far': tensor([2, 2], { strides: [3, 1], length: 4 }),
    'strides of 2^52': tensor([2], { strides: [2 ** 52], length: 4 }),
    'negative stride': tensor([2], { strides: [-1], length: 4 }),
    'a number repeated 2^40 times': tensor([2 ** 40], { strides: [0], length: 4 }),
    'sizes that overflow': tensor([2 ** 40, 2 ** 40], { strides: [0, 0], length: 4 }),
    'negative size': tensor([-4], { length: 4 }),
    'more strides than sizes': tensor([4], { strides: [1, 1] }),
    'fewer strides than sizes': tensor([2, 2], { strides: [2] }),
    'a hundred axes': tensor(Array(100).fill(1), { length: 4 }),
    'size of text': built(four, integer(0), tuple(text('4')), tuple(integer(1))),
    'size of a float': built(
      four,
      integer(0),
      tuple(code('G', Buffer.from([0x40, 0x08, 0, 0, 0, 0, 0, 1]))),
      tuple(integer(1)),
    ),
    'size of 2^70': built(four, integer(0), tuple(code('\x8a\x09', uint64(0n), '\x40')), tuple(integer(1))),
    'shape of nothing': built(four, integer(0), 'N', 'N'),
    'no arguments': call(rebuild),
    'storage a string': built(text('0'), integer(0), tuple(integer(4)), tuple(integer(1))),
    'storage a dictionary': built(dictionary([]), integer(0), tuple(integer(4)), tuple(integer(1))),
    'storage of no type': code(tuple(text('storage'), text('float'), text('0'), text('cpu'), integer(4)), 'Q'),
    'storage of an unknown type': storage('0', 4, 'QInt8Storage'),
    'storage without a key': code(
      tuple(text('storage'), global('torch', 'FloatStorage'), integer(0), text('cpu'), integer(4)),
      'Q',
    ),
    'storage of negative length': storage('0', -4),
    'storage of 2^53 numbers': storage('0', 2 ** 53),
    'module by its source': code(tuple(text('module'), text('source')), 'Q'),
    'storage in two ways': code(tensor([4]), '0', tensor([2], { key: '0', length: 8 })),
    'storage of another entry': tensor([4], { key: '../data.pkl' }),
    'storage that is not there': tensor([4], { key: '7' }),
  }
  return named(
    'tensor',
    Object.fromEntries(
      Object.entries(shapes).map(([name, value]) => [
        name,
        checkpoint(pickle(dictionary([[text('w'), value]])), { 0: floats(4) }),
      ]),
    ),
  )
}

function legacy(canary: string): BrokenFile[] {
  const magic = code('\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19')
  const key = (name: string, view: string | Buffer = 'N') =>
    code(tuple(text('storage'), global('torch', 'FloatStorage'), text(name), text('cpu'), integer(4), view), 'Q')
  const value = (store: Buffer) =>
    call(global('torch._utils', '_rebuild_tensor'), store, integer(0), tuple(integer(4)), tuple(integer(1)))
  const usual = {
    head: magic,
    protocol: integer(1001),
    machine: dictionary([[text('little_endian'), '\x88']]),
    object: dictionary([[text('w'), value(key('a'))]]),
    keys: code('](', text('a'), 'e'),
    data: Buffer.concat([uint64(4n), floats(4)]) as Buffer,
  }
  const file = (unusual: Partial<typeof usual> = {}) => {
    const { head, protocol, machine, object, keys, data } = { ...usual, ...unusual }
    return Buffer.concat([...[head, protocol, machine, object, keys].map(part => pickle(part)), data])
  }
  return [
    ...truncations('legacy', file(), 16),
    ...named('legacy', {
      'another magic number': file({ head: integer(7) }),
      'another protocol': file({ protocol: integer(1002) }),
      'big-endian': file({ machine: dictionary([[text('little_endian'), '\x89']]) }),
      'no machine': file({ machine: code('N') }),
      'a call before anything': file({ head: call(global('os', 'system'), text(`touch ${canary}`)) }),
      'a call among the keys': file({ keys: call(global('builtins', 'eval'), text('1')) }),
      'a call instead of the machine': file({ machine: call(global('os', 'system'), text(`touch ${canary}`)) }),
      'keys of no storage': file({ keys: code('](', text('b'), 'e') }),
      'a key twice': file({ keys: code('](', text('a'), text('a'), 'e') }),
      'a key that is a number': file({ keys: code('](', integer(1), 'e') }),
      'no key': file({ keys: code(']') }),
      'keys of a dictionary': file({ keys: code('}') }),
      'a storage longer than it says': file({ data: Buffer.concat([uint64(5n), floats(5)]) }),
      'a storage of 2^62 numbers': file({ data: uint64(1n << 62n) }),
      'a storage of -1 numbers': file({ data: uint64((1n << 64n) - 1n) }),
      'a part outside of its storage': file({
        object: dictionary([[text('w'), value(key('a', tuple(text('b'), integer(3), integer(2))))]]),
      }),
      'a part before its storage': file({
        object: dictionary([[text('w'), value(key('a', tuple(text('b'), integer(-1), integer(2))))]]),
      }),
      'a part that is a number': file({ object: dictionary([[text('w'), value(key('a', integer(3)))]]) }),
      'pickles without end': Buffer.concat([
        pickle(magic),
        pickle(integer(1001)),
        code('\x80\x02}'),
        Buffer.alloc(1 << 21, 'N'),
      ]),
    }),
  ]
}

function onnx(): BrokenFile[] {
  const node = [{ opType: 'Conv', input: ['x', 'w'], output: ['y'] }]
  const good = { name: 'w', dims: [2, 2], dataType: onnxType.float, rawData: floats(4) }
  const file = (...initializer: OnnxTensor[]) => encodeModel({ irVersion: 8, graph: { initializer, node } })
  // Within the graph: without its end a message cannot be decoded, or the tensor is not what its shape says.
  const whole = file(good)
  return [
    ...Array.from({ length: 10 }, (_, i) => 3 + Math.floor((i * (whole.length - 4)) / 9)).map(length =>
      one(`onnx: ${length} of ${whole.length} bytes`, whole.subarray(0, length)),
    ),
    ...named('onnx', {
      'no graph': encodeModel({ irVersion: 8 }),
      'no node': encodeModel({ irVersion: 8, graph: { initializer: [good] } }),
      'other shape': file({ ...good, dims: [2, 3] }),
      'negative shape': file({ ...good, dims: [-2, -2] }),
      'shape of 2^60': file({ ...good, dims: [2 ** 50, 2 ** 50] }),
      'part of a number': file({ ...good, rawData: floats(4).subarray(0, 15) }),
      text: file({ ...good, dataType: onnxType.string }),
      'no type': file({ ...good, dataType: 0 }),
      'an unknown type': file({ ...good, dataType: 77 }),
      'in another file': file({ ...good, dataLocation: 1 }),
      'a name twice': file(good, good),
      'groups in groups': Buffer.concat([Buffer.from([0x08, 0x08]), Buffer.alloc(200_000, 0x0b)]),
      'numbers without end': Buffer.concat([Buffer.from([0x08]), Buffer.alloc(1000, 0x7f), Buffer.alloc(64, 0xff)]),
    }),
  ]
}

function tfjs(): BrokenFile[] {
  const weights = [
    { name: 'a', shape: [2], dtype: 'float32' },
    { name: 'b', shape: [2], dtype: 'float32', quantization: { dtype: 'uint8', scale: 1, min: 0 } },
  ]
  const group = (over: object = {}) => [{ paths: ['a.bin'], weights, ...over }]
  const files = (name: string, json: unknown, bin: Uint8Array | undefined = Buffer.alloc(10)): BrokenFile => ({
    name: `tfjs: ${name}`,
    files: { model: Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)), ...(bin && { 'a.bin': bin }) },
  })
  const whole = JSON.stringify(group())
  const one = weights[0]!
  return [
    ...Array.from({ length: 10 }, (_, i) => 1 + Math.floor((i * (whole.length - 2)) / 9)).map(length =>
      files(`${length} of ${whole.length} bytes`, whole.slice(0, length)),
    ),
    files('numbers too short', group(), Buffer.alloc(9)),
    files('numbers too long', group(), Buffer.alloc(11)),
    { name: 'tfjs: numbers missing', files: { model: Buffer.from(whole) } },
    files('numbers elsewhere', group({ paths: ['../../../../etc/passwd'] })),
    files('numbers at the root', group({ paths: ['/etc/passwd'] })),
    files('numbers that are a folder', group({ paths: ['.'] })),
    files('numbers in itself', group({ paths: ['model'] })),
    files('negative size', group({ weights: [{ ...one, shape: [-2] }] })),
    files('half a size', group({ weights: [{ ...one, shape: [2.5] }] })),
    files('exabytes', group({ weights: [{ ...one, shape: [2 ** 30, 2 ** 30] }] })),
    files('a name twice', group({ weights: [one, one, one] }), Buffer.alloc(24)),
    files('unknown dtype', group({ weights: [{ ...one, dtype: 'string' }] })),
    files('unknown quantisation', group({ weights: [{ ...one, quantization: { dtype: 'int4', scale: 1, min: 0 } }] })),
    files('lists in lists', `${'['.repeat(100_000)}${']'.repeat(100_000)}`),
    files('objects in objects', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`),
  ]
}

function others(): BrokenFile[] {
  return named('other', {
    zeros: Buffer.alloc(4096),
    ones: Buffer.alloc(4096, 0xff),
    noise: Buffer.from(Uint8Array.from({ length: 4096 }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) >>> 13) & 0xff)),
    'a web page': Buffer.from('<!DOCTYPE html><title>404</title>'),
    'a pointer of Git LFS': Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
    'a shell script': Buffer.from('#!/bin/sh\ntouch canary\n'),
    'a pickle of protocol 0': Buffer.from("cos\nsystem\n(S'true'\ntR."),
  })
}
