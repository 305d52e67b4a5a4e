/**
 * What the two formats of PyTorch checkpoints share: the globals that a checkpoint may name, tensors as views of
 * storages, and where in the pickled object the tensors of the model are.
 */
import { UserError } from '../util/errors.ts'
import { oncePer } from '../util/memoize.ts'
import type { Bytes } from './bytes.ts'
import { bytesPer, count, type Dtype, isSizes, toFloat32 } from './dtype.ts'
import { allowList, Inert, type PickleGlobal, type PickleOptions } from './pickle.ts'
import { quoted, shown, type TensorFile, type TensorInfo, type Wrong } from './tensor-file.ts'

/** A run of numbers that tensors are views of. */
export interface Storage {
  readonly key: string
  readonly dtype: Dtype
  /** In numbers, not bytes. */
  readonly length: number
  /** First of the numbers that count; 0 but in legacy files, whose storages may be parts of others. */
  readonly offset: number
}

/** A tensor of the pickle: numbers of a storage from `offset` on, `strides` apart along each axis. */
class StoredTensor implements TensorInfo {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}

  get dtype(): Dtype {
    return this.storage.dtype
  }
}

const maximumRank = 32

const storageTypes: Readonly<Record<string, Dtype>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
}

/**
 * Classes and functions that published checkpoints name beside their tensors, whose results nothing here reads. Stable
 * Diffusion v1.4's is of PyTorch Lightning: it holds the class of a callback and numbers of NumPy.
 */
const inert = [
  'pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint',
  'numpy.core.multiarray.scalar',
  'numpy.dtype',
  '_codecs.encode',
  'torch.Size',
]

/**
 * How a checkpoint's pickles are read: nothing but tensors and plain containers comes of them.
 * @param storages gets every storage that they refer to, by its key
 */
export function checkpointPickles(storages: Map<string, Storage>, wrong: Wrong): PickleOptions {
  const types = Object.entries(storageTypes).map(([name, dtype]) => ({
    name: `torch.${name}`,
    dtype,
    call: () => {
      throw wrong('its pickle makes a storage by itself')
    },
  }))
  const dtypes = new Map<unknown, Dtype>(types.map(type => [type, type.dtype]))
  const globals: PickleGlobal[] = [
    ...types,
    { name: 'collections.OrderedDict', call: args => orderedDict(args, wrong) },
    { name: 'torch._utils._rebuild_tensor', call: args => rebuildTensor(args, wrong) },
    { name: 'torch._utils._rebuild_tensor_v2', call: args => rebuildTensor(args, wrong) },
    { name: 'torch._utils._rebuild_parameter', call: ([tensor]) => tensor },
    ...inert.map(name => ({ name, call: () => new Inert(name) })),
  ]
  const persistent = (id: unknown) => {
    const storage = storageOf(id, dtypes, wrong)
    const known = storages.get(storage.key) ?? storage
    if (known.dtype !== storage.dtype || known.length !== storage.length) {
      throw wrong(`storage ${quoted(storage.key)} is described in two ways`)
    }
    storages.set(storage.key, known)
    return storage
  }
  return { global: allowList(globals, wrong), persistent, wrong }
}

/** `OrderedDict()`, or of a list of pairs. */
function orderedDict([items = []]: readonly unknown[], wrong: Wrong): Map<unknown, unknown> {
  if (!Array.isArray(items) || !items.every(Array.isArray)) throw wrong('its pickle makes a dictionary of no pairs')
  return new Map(items.map(([key, value]) => [key, value]))
}

/** ('storage', type, key, location, length) and, in legacy files, (view key, offset, length) or None. */
function storageOf(id: unknown, dtypes: ReadonlyMap<unknown, Dtype>, wrong: Wrong): Storage {
  const [kind, type, key, , length, view] = Array.isArray(id) ? id : []
  const dtype = dtypes.get(type)
  if (kind !== 'storage' || !dtype || typeof key !== 'string' || !isSizes([length])) {
    throw wrong('its pickle refers to what is no storage of a known type')
  }
  if (view === undefined || view === null) return { key, dtype, length, offset: 0 }
  const [, offset, size] = Array.isArray(view) ? view : []
  if (!isSizes([offset, size]) || offset + size > length) throw wrong(`storage ${quoted(key)} has a part outside of it`)
  return { key, dtype, length, offset }
}

/** torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, ...). */
function rebuildTensor([storage, offset, shape, strides]: readonly unknown[], wrong: Wrong): StoredTensor {
  if (!isStorage(storage)) throw wrong('its pickle makes a tensor of what is no storage')
  const sizes = [shape, strides].every(list => isSizes(list) && list.length <= maximumRank)
  if (!sizes || !isSizes([offset]) || (shape as number[]).length !== (strides as number[]).length) {
    throw wrong(`its pickle makes a tensor of shape ${shown(shape)}, strides ${shown(strides)}`)
  }
  // Copies: the pickle may go on changing its own lists.
  const tensor = new StoredTensor(
    storage,
    storage.offset + (offset as number),
    [...(shape as number[])],
    [...(strides as number[])],
  )
  const numbers = count(tensor.shape)
  if (numbers > storage.length || (numbers > 0 && tensor.offset + extent(tensor) > storage.length)) {
    throw wrong(
      `its pickle makes a tensor of shape ${shown(shape)}, strides ${shown(strides)} from number ${offset} on of a ` +
        `storage of ${storage.length}`,
    )
  }
  return tensor
}

const isStorage = (value: unknown): value is Storage =>
  typeof value === 'object' && value !== null && 'dtype' in value && 'length' in value && 'key' in value

/** Numbers of the storage from a tensor's first to its last. */
const extent = ({ shape, strides }: StoredTensor): number =>
  shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 1)

/**
 * The tensors of a checkpoint: those of the pickled dictionary itself, or of its `state_dict`, or of the only
 * dictionary in it that has any.
 */
function stateDict(root: unknown, wrong: Wrong): Map<string, StoredTensor> {
  if (!(root instanceof Map)) throw wrong('it holds no dictionary of tensors: save the state_dict of the model')
  const own = tensorsOf(root)
  if (own.size > 0) return own
  const parts = new Map(
    [...root].flatMap(([key, value]) => {
      const tensors = value instanceof Map ? tensorsOf(value) : new Map<string, StoredTensor>()
      return tensors.size > 0 ? [[String(key), tensors] as const] : []
    }),
  )
  const found = parts.get('state_dict') ?? (parts.size === 1 ? [...parts.values()][0] : undefined)
  if (found) return found
  const names = [...parts.keys()].slice(0, 8).map(quoted)
  throw wrong(
    names.length === 0
      ? 'it holds no tensors'
      : `it holds ${parts.size} dictionaries of tensors, ${names.join(', ')}, none of them 'state_dict'`,
  )
}

function tensorsOf(dictionary: ReadonlyMap<unknown, unknown>): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>()
  for (const [key, value] of dictionary) {
    if (typeof key === 'string' && value instanceof StoredTensor) tensors.set(key, value)
  }
  return tensors
}

/** What the dictionary says beside its tensors: epoch, global_step, version. */
function metadataOf(root: unknown): Record<string, string> {
  const entries = root instanceof Map ? [...root] : []
  const plain = entries.filter(([key, value]) => typeof key === 'string' && /^(string|number)$/.test(typeof value))
  return Object.fromEntries(plain.map(([key, value]) => [key, String(value)]))
}

/**
 * The file of a pickled object.
 * @param locate where in the file the storage of this key begins
 * @param check looks through the storage of this key, where it has a checksum; it is asked once for each
 */
export function checkpointFile(
  bytes: Bytes,
  format: string,
  root: unknown,
  wrong: Wrong,
  {
    locate,
    check = async () => {},
  }: { readonly locate: (key: string) => number | Promise<number>; readonly check?: (key: string) => Promise<void> },
): TensorFile {
  const checkOnce = oncePer(check)
  const tensors = stateDict(root, wrong)
  return {
    path: bytes.path,
    format,
    tensors,
    metadata: metadataOf(root),
    read: async name => {
      const tensor = tensors.get(name)!
      const { storage, offset, dtype, shape } = tensor
      if (count(shape) === 0) return new Float32Array(0)
      const start = (await locate(storage.key)) + offset * bytesPer[dtype]
      const read = await bytes.read(start, extent(tensor) * bytesPer[dtype])
      await checkOnce(storage.key)
      const numbers = toFloat32(dtype, read)
      return isContiguous(tensor) ? numbers : gather(numbers, tensor)
    },
    close: bytes.close,
  }
}

function isContiguous({ shape, strides }: StoredTensor): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false
    expected *= shape[axis]!
  }
  return true
}

/** The numbers of a strided tensor in row-major order. */
function gather(numbers: Float32Array, { shape, strides }: StoredTensor): Float32Array {
  const out = new Float32Array(count(shape))
  const index = shape.map(() => 0)
  let at = 0
  for (let i = 0; i < out.length; i++) {
    out[i] = numbers[at]!
    // One step on along the last axis; where an axis is at its end, back to its beginning and on along the one before.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      at -= shape[axis]! * strides[axis]!
      index[axis] = 0
    }
  }
  return out
}

/** Whose file is not as a checkpoint has to be. */
export const wrongCheckpoint =
  (path: string): Wrong =>
  what =>
    new UserError(`${path} is no PyTorch checkpoint that can be read: ${what}`)
