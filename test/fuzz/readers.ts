/** The readers that are fuzzed, as a child process runs them: each takes a case's folder and says what it read. */
import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { useBackend } from '../../src/backend/index.ts'
import { remakes } from '../../src/cli/replay.ts'
import { loadModelConfig } from '../../src/config/model.ts'
import { recipeSchema } from '../../src/config/recipe.ts'
import { trainSchema } from '../../src/config/train.ts'
import { FaceStore } from '../../src/data/face-store.ts'
import { readLfwPairs } from '../../src/data/lfw-pairs.ts'
import { summaryOf } from '../../src/data/prepare.ts'
import { openSource } from '../../src/data/sources/open.ts'
import { readManifest } from '../../src/eval/manifest.ts'
import { loadThresholds } from '../../src/faces/recognizers.ts'
import { readImage } from '../../src/images/codec.ts'
import { bmpSize, jxlSize } from '../../src/images/decode.ts'
import { mostPixels, pictureFormat } from '../../src/images/format.ts'
import { type Decryption, recipientOf } from '../../src/keys/age.ts'
import { readKey } from '../../src/keys/files.ts'
import { readProtected, recoverFile } from '../../src/pipeline/recover-file.ts'
import { replay } from '../../src/pipeline/replay.ts'
import { readRuns } from '../../src/pipeline/run-record.ts'
import { readNote } from '../../src/train/checkpoint.ts'
import { loadCatalogue } from '../../src/weights/catalogue.ts'
import { readTensors, withTensorFile } from '../../src/weights/open.ts'
import { loadConfig } from '../../src/yaml/load.ts'

/** What a reader made of a file. */
export interface Read {
  /** Hashes of what was read, where the format has checksums of it: a mutant's must be some of the seed's. */
  readonly sums?: readonly string[]
}

/** Whose key the encrypted seed is for: made for this, and for nothing else. */
export const identity = 'AGE-SECRET-KEY-1NR23KX9XY64LTEQ24GE84QN5MP0585UPK5ZMG3Z9NSNDSZVM4X0QVX72Q0'
export const recipient = () => recipientOf(identity)

const sum = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex').slice(0, 16)

async function keySums(path: string, decryption?: Decryption): Promise<Read> {
  const { faces, ...rest } = await readKey(path, decryption)
  const plain = faces.map(({ embeddings, latent, crop, ...face }) => ({
    ...face,
    numbers: sum(Buffer.concat([Buffer.from(embeddings.buffer), Buffer.from(latent.buffer)])),
    crop: crop && sum(crop.file),
  }))
  return { sums: [sum(JSON.stringify([rest, plain]))] }
}

async function sourceSums(path: string, identityColumn?: string): Promise<Read> {
  const source = await openSource(path, identityColumn)
  try {
    const sums: string[] = []
    for (const { read } of source.pictures) sums.push(sum(await read()))
    return { sums }
  } finally {
    await source.close()
  }
}

/** By name: the folder of the case, and the name of its first file. */
export const readers = {
  async picture(folder: string, name: string): Promise<Read> {
    const { data } = await readImage(join(folder, name))
    return name.endsWith('.png') ? { sums: [sum(data)] } : {}
  },
  key: (folder: string, name: string) => keySums(join(folder, name)),
  encryptedKey: (folder: string, name: string) => keySums(join(folder, name), { identities: [identity] }),
  async recovery(folder: string, name: string): Promise<Read> {
    const none = async () => {
      throw new Error('no model is needed')
    }
    const locked = await readProtected(join(folder, name))
    await recoverFile(none, locked, join(folder, 'out', 'recovered.png'))
    return { sums: [sum(await readFile(join(folder, 'out', 'recovered.png')))] }
  },
  async replay(folder: string): Promise<Read> {
    await useBackend('cpu')
    const into = join(folder, 'kept')
    await mkdir(into, { recursive: true })
    for (const record of await readRuns(folder)) await replay(folder, record, remakes, { into, backend: 'cpu' })
    return {}
  },
  archive: (folder: string, name: string) => sourceSums(join(folder, name)),
  async parquet(folder: string, name: string): Promise<Read> {
    await sourceSums(join(folder, name))
    return {}
  },
  async tensors(folder: string, name: string): Promise<Read> {
    const path = join(folder, name)
    const tensors = await readTensors(path)
    const isZip = await withTensorFile(path, ({ format }) => format === 'PyTorch checkpoint')
    return isZip ? { sums: [...tensors.values()].map(({ data }) => sum(new Uint8Array(data.buffer))) } : {}
  },
  async checkpoint(folder: string, name: string): Promise<Read> {
    await readNote(join(folder, name))
    return {}
  },
  async store(folder: string): Promise<Read> {
    const store = await FaceStore.open(folder)
    const { count } = store
    const bytes = await store.bytes(Array.from({ length: count }, (_, i) => i))
    await store.close()
    return { sums: count > 0 ? [sum(bytes)] : [] }
  },
  async trainConfig(folder: string, name: string): Promise<Read> {
    await loadConfig(trainSchema, { path: join(folder, name) })
    return {}
  },
  async modelConfig(folder: string, name: string): Promise<Read> {
    await loadModelConfig(join(folder, name))
    return {}
  },
  async recipe(folder: string, name: string): Promise<Read> {
    await loadConfig(recipeSchema, { path: join(folder, name) })
    return {}
  },
  async weightsList(folder: string, name: string): Promise<Read> {
    await loadCatalogue(join(folder, name))
    return {}
  },
  async evalManifest(folder: string, name: string): Promise<Read> {
    await readManifest(join(folder, name))
    return {}
  },
  async thresholds(folder: string, name: string): Promise<Read> {
    await loadThresholds(join(folder, name))
    return {}
  },
  async lfwPairs(folder: string, name: string): Promise<Read> {
    await readLfwPairs(join(folder, name))
    return {}
  },
  async summary(folder: string): Promise<Read> {
    await summaryOf(folder)
    return {}
  },
} as const

export type ReaderName = keyof typeof readers

/** How many bytes the pixels take that a picture's header claims, where that is allowed. */
export async function declaredBytes(path: string): Promise<number> {
  try {
    const bytes = await readFile(path)
    const format = pictureFormat(bytes.subarray(0, 64))
    const { width = 0, height = 0 } =
      format === 'bmp'
        ? bmpSize(bytes)
        : format === 'jxl'
          ? jxlSize(bytes)
          : await sharp(bytes, { limitInputPixels: false }).metadata()
    return width * height <= mostPixels() ? 3 * width * height : 0
  } catch {
    return 0
  }
}
