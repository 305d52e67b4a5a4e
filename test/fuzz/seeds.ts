/** The corpus: whole files of every format that is read, small, each with the reader that it is for. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { webAssembly } from '../../src/backend/web-assembly.ts'
import { encodeImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import { pictureHash } from '../../src/keys/key.ts'
import { keyBytes } from '../../src/keys/key-file.ts'
import { encodeModel, onnxType } from '../../src/weights/onnx.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'
import { parquetOf, zipOf } from '../data/archives.ts'
import { makeStoreOf } from '../data/store.ts'
import type { ReaderName } from './readers.ts'
import { recipient } from './readers.ts'
import { versionKey } from './versions.ts'

export interface Seed {
  readonly name: string
  readonly reader: ReaderName
  /** Files by name; the first is the one that is opened, or lies in the folder that is. */
  readonly files: Readonly<Record<string, Buffer>>
  /** The files that mutants are made of: all of them unless given. */
  readonly mutable?: readonly string[]
}

const require = createRequire(import.meta.url)

/** A picture of gradients. */
function ramp(width: number, height: number): Image {
  const data = new Uint8Array(width * height * 3)
  for (let i = 0; i < data.length; i++) data[i] = (i * 7 + Math.floor(i / width)) % 256
  return { width, height, data }
}

/** Every seed, made in memory. */
export async function seeds(): Promise<Seed[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'seeds-'))
  try {
    return [
      ...(await pictures()),
      ...(await keys()),
      ...(await archives()),
      ...(await weights(scratch)),
      ...(await texts(scratch)),
    ]
  } finally {
    await rm(scratch, { recursive: true })
  }
}

const one = (reader: ReaderName, name: string, bytes: Uint8Array): Seed => ({
  name,
  reader,
  files: { [name]: Buffer.from(bytes) },
})

async function pictures(): Promise<Seed[]> {
  const image = ramp(48, 36)
  const raw = () => sharp(image.data, { raw: { width: 48, height: 36, channels: 3 } })
  const { default: encodeJxl, init } = await import('@jsquash/jxl/encode.js')
  await init(new webAssembly.Module(await readFile(require.resolve('@jsquash/jxl/codec/enc/jxl_enc.wasm'))) as never)
  const rgba = new Uint8ClampedArray(await raw().ensureAlpha().raw().toBuffer())
  const bmp = Buffer.concat([Buffer.alloc(54), await raw().raw().toBuffer()])
  bmp.write('BM')
  bmp.writeUInt32LE(bmp.length, 2)
  for (const [at, value] of [
    [10, 54],
    [14, 40],
    [18, 48],
    [22, 36],
  ] as const)
    bmp.writeUInt32LE(value, at)
  bmp.writeUInt16LE(1, 26)
  bmp.writeUInt16LE(24, 28)
  const files: Record<string, Uint8Array> = {
    'a.png': await encodeImage(image, 'png'),
    'alpha.png': await raw().ensureAlpha(0.5).png({ palette: true }).toBuffer(),
    'deep.png': await raw().toColourspace('rgb16').withIccProfile('p3').png().toBuffer(),
    'a.jpg': await raw()
      .withExif({ IFD0: { Copyright: 'x' } })
      .withIccProfile('p3')
      .jpeg()
      .toBuffer(),
    'progressive.jpg': await raw().jpeg({ progressive: true }).toBuffer(),
    'a.webp': await raw().webp().toBuffer(),
    'lossless.webp': await encodeImage(image, 'webp'),
    'a.gif': await raw().gif().toBuffer(),
    'a.tif': await raw().tiff({ compression: 'lzw' }).toBuffer(),
    'tiled.tif': await raw().tiff({ tile: true, compression: 'deflate' }).toBuffer(),
    'a.avif': await raw().avif({ effort: 0 }).toBuffer(),
    'a.heic': await readFile('test/data/ramp.heic'),
    'a.jxl': new Uint8Array(await encodeJxl({ width: 48, height: 36, data: rgba } as never, { effort: 1 })),
    'a.bmp': bmp,
  }
  return Object.entries(files).map(([name, bytes]) => one('picture', name, bytes))
}

async function keys(): Promise<Seed[]> {
  const picture = Buffer.from(await encodeImage(ramp(8, 8), 'png'))
  const hash = pictureHash(picture)
  const key = { picture: hash, faces: [{ ...versionKey(1), picture: hash }] }
  const clear = Buffer.from(await keyBytes(key))
  const golden = (name: string) => readFile(join('test/golden/keys', name))
  return [
    one('key', 'clear.dpkey', clear),
    one('encryptedKey', 'age.dpkey', await keyBytes(key, { recipients: [await recipient()] })),
    one('key', 'version-1.dpkey', await golden('version-1.dpkey')),
    one('key', 'version-1-crop.dpkey', await golden('version-1-crop.dpkey')),
    {
      name: 'recovery',
      reader: 'recovery',
      files: { 'a.png': await golden('protected.png'), 'a.png.dpkey': await golden('version-1-crop.dpkey') },
    },
    { name: 'replay', reader: 'replay', files: await replayed() },
  ]
}

/** A recorded recovery, whose inputs are beside it. */
async function replayed(): Promise<Record<string, Buffer>> {
  const [protectedPicture, key] = await Promise.all(
    ['protected.png', 'version-1-crop.dpkey'].map(name => readFile(join('test/golden/keys', name))),
  )
  const software = { version: '0', node: '0', tfjs: '0', backend: 'cpu', backendVersion: '0', platform: 'linux' }
  const record = {
    format: 1,
    command: 'recover',
    settings: {
      recovery: 'exact',
      pictures: [{ picture: 'a.png', key: 'a.png.dpkey', output: 'sub/a.recovered.png' }],
    },
    weights: {},
    software,
    inputs: [
      { path: 'a.png', sha256: pictureHash(protectedPicture!) },
      { path: 'a.png.dpkey', sha256: pictureHash(key!) },
    ],
    outputs: [{ path: 'sub/a.recovered.png', sha256: '0'.repeat(64) }],
  }
  return {
    'run.json': Buffer.from(JSON.stringify({ runs: [record] })),
    'a.png': protectedPicture!,
    'a.png.dpkey': key!,
  }
}

async function archives(): Promise<Seed[]> {
  const bytes = await encodeImage(ramp(16, 16), 'png')
  const pictures = ['train/ada/1.png', 'train/bea/2.png', 'test/cay/3.png'].map((path, i) => ({
    path,
    bytes,
    deflated: i > 0,
  }))
  const golden = (name: string) => readFile(join('test/golden/sources', name))
  return [
    one('archive', 'stored.zip', zipOf(pictures)),
    one('archive', 'people.zip', await golden('people.zip')),
    one('parquet', 'made.parquet', parquetOf(pictures)),
    one('parquet', 'train.parquet', await golden('parquet/train-00000-of-00001.parquet')),
    one('parquet', 'unnamed.parquet', await golden('unnamed.parquet')),
  ]
}

async function weights(scratch: string): Promise<Seed[]> {
  const path = join(scratch, 'w.safetensors')
  const data = Float32Array.from({ length: 24 }, (_, i) => i / 8)
  const metadata = {
    step: '3',
    config: JSON.stringify({ train: { seed: 1 } }),
    score: '{"loss":1,"over":"validation"}',
  }
  await writeSafetensors(
    path,
    new Map([
      ['a.weight', { shape: [4, 6], data }],
      ['b', { shape: [24], data }],
    ]),
    metadata,
  )
  const safetensors = await readFile(path)
  const checkpoints = [
    'lightning-legacy.ckpt',
    'lightning-zip.ckpt',
    'tensors-legacy.pth',
    'tensors-protocol-4.pth',
    'tensors-zip.pth',
    'module-zip.pth',
  ]
  const tensor = { name: 'w', dims: [2, 3], dataType: onnxType.float, rawData: new Uint8Array(24) }
  const list = { name: 'v', dims: [4], dataType: onnxType.int64, int64Data: [1, 2, 3, 4] }
  const node = [{ opType: 'Conv', input: ['x', 'w'], output: ['y'] }]
  const manifest = [
    {
      paths: ['group1-shard1of1.bin'],
      weights: [
        { name: 'a', shape: [4], dtype: 'float32' },
        { name: 'b', shape: [2, 2], dtype: 'float32', quantization: { dtype: 'uint8', scale: 0.1, min: 0 } },
      ],
    },
  ]
  return [
    one('tensors', 'model.safetensors', safetensors),
    one('checkpoint', 'last.safetensors', safetensors),
    ...(await Promise.all(
      checkpoints.map(async name => one('tensors', name, await readFile(join('test/golden/checkpoints', name)))),
    )),
    one('tensors', 'model.onnx', encodeModel({ irVersion: 8, graph: { node, initializer: [tensor, list] } })),
    {
      name: 'tfjs',
      reader: 'tensors',
      files: { 'model.json': Buffer.from(JSON.stringify(manifest)), 'group1-shard1of1.bin': Buffer.alloc(20) },
    },
  ]
}

async function texts(scratch: string): Promise<Seed[]> {
  makeStoreOf(join(scratch, 'store'), 8, new Uint8Array(2 * 8 * 8 * 3).fill(9), [
    { id: 'ada/1.jpg', identity: 'ada' },
    { id: 'bea/1.jpg', identity: 'bea' },
  ])
  const read = (...path: string[]) => readFile(join(scratch, ...path))
  const manifest = {
    method: 'm',
    task: 'anonymize',
    pictures: [{ name: 'a/1', identity: 'a', seconds: { protect: 1 } }],
  }
  const pairs = `1\t1\nA\t1\t2\nA\t1\tB\t1\n`
  const summary = { dataset: 'x', written: { train: 1 }, photoSizes: [] }
  return [
    {
      name: 'store',
      reader: 'store',
      files: { 'index.json': await read('store', 'index.json'), 'faces.u8': await read('store', 'faces.u8') },
    },
    one('trainConfig', 'train.yaml', await readFile('configs/train-msi-faces.yaml')),
    one('modelConfig', 'model.yaml', await readFile('configs/models/faces-128.yaml')),
    one('recipe', 'recipe.yaml', await readFile('configs/anonymize.yaml')),
    one('weightsList', 'weights.yaml', await readFile('configs/weights.yaml')),
    one('evalManifest', 'manifest.json', Buffer.from(JSON.stringify(manifest))),
    one('thresholds', 'thresholds.json', await readFile('assets/recognizers/thresholds.json')),
    one('lfwPairs', 'pairs.txt', Buffer.from(pairs)),
    one('summary', 'summary.json', Buffer.from(JSON.stringify(summary))),
  ]
}
