/**
 * PyTorch's checkpoints since 1.6: a zip archive of NAME/data.pkl, the pickled object, and NAME/data/KEY, the numbers of
 * each storage, stored as they are.
 */
import type { Bytes } from './bytes.ts'
import { bytesPer } from './dtype.ts'
import { PickleEnd, unpickle } from './pickle.ts'
import { checkpointFile, checkpointPickles, type Storage, wrongCheckpoint } from './pytorch.ts'
import { quoted, type TensorFile } from './tensor-file.ts'
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
  return checkpointFile(
    bytes,
    'PyTorch checkpoint',
    object,
    wrong,
    key => storageOf(key).position(),
    key => storageOf(key).check(),
  )

  function readPickle(pickle: Buffer): unknown {
    try {
      return unpickle(pickle, 0, checkpointPickles(storages, wrong)).value
    } catch (error) {
      throw error instanceof PickleEnd ? wrong('its pickle is cut off') : error
    }
  }
}
