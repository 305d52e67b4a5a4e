/**
 * PyTorch's checkpoints since 1.6: a zip archive of NAME/data.pkl, the pickled object, and NAME/data/KEY, the numbers of
 * each storage, stored as they are.
 */
import type { Bytes } from './bytes.ts'
import { bytesPer } from './dtype.ts'
import { PickleEnd, unpickle } from './pickle.ts'
import { checkpointFile, checkpointPickles, type Storage, wrongCheckpoint } from './pytorch.ts'
import { quoted, shown, type TensorFile, type Wrong } from './tensor-file.ts'
import { openZip } from './zip.ts'

/** Far above any checkpoint's. */
const maximumPickle = 64 << 20

/** Whether a file that begins so is a zip archive. */
export function isZip(head: Buffer): boolean {
  return head.subarray(0, 2).toString('latin1') === 'PK'
}

/** @throws UserError naming the file and what of it is broken, refused, or no checkpoint */
export async function openPytorchZip(bytes: Bytes): Promise<TensorFile> {
  const wrong = wrongCheckpoint(bytes.path)
  const entries = await openZip(bytes, wrong)
  const pickles = [...entries.keys()].filter(name => /^[^/]+\/data\.pkl$/.test(name))
  if (pickles.length !== 1)
    throw wrong(`it is a zip archive with ${pickles.length} entries NAME/data.pkl, expected one`)
  const root = pickles[0]!.slice(0, -'data.pkl'.length)
  if (entries.has(`${root}constants.pkl`)) {
    throw wrong('it is a TorchScript archive, which is a program: save the state_dict of the model instead')
  }

  const compressed = [...entries].find(([, entry]) => entry.compressed)
  if (compressed) throw wrong(`its entry ${quoted(compressed[0])} is compressed, where PyTorch stores it as it is`)

  const contents = async (name: string) => {
    return entries.get(root + name)!.read({ most: maximumPickle })
  }
  if (entries.has(`${root}byteorder`) && (await contents('byteorder')).toString() !== 'little') {
    throw wrong('its numbers are big-endian: save it again on a little-endian machine')
  }
  const storages = new Map<string, Storage>()
  const object = readPickle(await contents('data.pkl'))
  for (const { key, dtype, length } of storages.values()) {
    const size = entries.get(`${root}data/${key}`)?.size
    const expected = length * bytesPer[dtype]
    if (size !== expected) throw wrong(`storage ${quoted(key)} has ${size ?? 'no'} bytes, expected ${expected}`)
  }
  const storageOf = (key: string) => entries.get(`${root}data/${key}`)!
  return checkpointFile(bytes, 'PyTorch checkpoint', object, wrong, {
    locate: key => storageOf(key).position(),
    check: key => storageOf(key).check(),
  })

  function readPickle(pickle: Buffer): unknown {
    try {
      return unpickle(pickle, 0, checkpointPickles(storages, wrong)).value
    } catch (error) {
      throw error instanceof PickleEnd ? wrong('its pickle is cut off') : error
    }
  }
}

// PyTorch's checkpoints before 1.6 (and `_use_new_zipfile_serialization=False`): pickles one after another, a magic
// number, the protocol, facts of the machine, the object and the keys of its storages; then each storage, its length
// before it.

const magic = 0x1950a86a20f9469cfc6cn
const protocol = 1001

/** Far above any checkpoint's; they are read in parts of the first size, and more when that was too little. */
const [firstPart, maximumPickles] = [1 << 20, 64 << 20]

/** Whether a file that begins so is a pickle of protocol 2 or later. */
export function isPickle(head: Buffer): boolean {
  return head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5
}

/** @throws UserError naming the file and what of it is broken, refused, or no checkpoint */
export async function openPytorchLegacy(bytes: Bytes): Promise<TensorFile> {
  const wrong = wrongCheckpoint(bytes.path)
  const { object, keys, storages, end } = await readPickles(bytes, wrong)

  const positions = new Map<string, number>()
  let position = end
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined
    if (!storage || positions.has(storage.key)) throw wrong(`it lists storage ${shown(key)}, which no tensor has`)
    const length = Number((await bytes.read(position, 8)).readBigInt64LE())
    if (length !== storage.length) {
      throw wrong(`storage ${quoted(storage.key)} has ${length} numbers, expected ${storage.length}`)
    }
    positions.set(storage.key, position + 8)
    position += 8 + length * bytesPer[storage.dtype]
    if (position > bytes.size) throw wrong(`storage ${quoted(storage.key)} ends at byte ${position} of ${bytes.size}`)
  }
  for (const key of storages.keys()) if (!positions.has(key)) throw wrong(`storage ${quoted(key)} is not in it`)
  return checkpointFile(bytes, 'PyTorch checkpoint (legacy)', object, wrong, { locate: key => positions.get(key)! })
}

async function readPickles(bytes: Bytes, wrong: Wrong) {
  for (let part = firstPart; ; part *= 4) {
    const head = await bytes.read(0, Math.min(part, bytes.size))
    try {
      return parsePickles(head, wrong)
    } catch (error) {
      if (!(error instanceof PickleEnd)) throw error
      if (part >= bytes.size) throw wrong('its pickle is cut off')
      if (part >= maximumPickles) throw wrong(`its pickles have more than ${maximumPickles} bytes`)
    }
  }
}

function parsePickles(head: Buffer, wrong: Wrong) {
  const storages = new Map<string, Storage>()
  const options = checkpointPickles(storages, wrong)
  let end = 0
  const next = () => {
    const { value, end: after } = unpickle(head, end, options)
    end = after
    return value
  }
  if (next() !== magic) throw wrong('it is a pickle that does not begin as PyTorch writes it')
  const version = next()
  if (version !== protocol) throw wrong(`its protocol is ${shown(version)}, expected ${protocol}`)
  const machine = next()
  if (!(machine instanceof Map) || machine.get('little_endian') !== true) throw wrong('its numbers are big-endian')
  const object = next()
  const keys = next()
  if (!Array.isArray(keys)) throw wrong('it has no list of storages')
  return { object, keys: keys as unknown[], storages, end }
}
