import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { webAssembly } from '../../src/backend/web-assembly.ts'
import { encodeImage, readImage, resizeImage, writeImage } from '../../src/images/codec.ts'
import { withProfile } from '../../src/images/decode.ts'
import { pictureFormat } from '../../src/images/format.ts'
import { fromTensor, type Image, toTensor } from '../../src/images/image.ts'
import { UserError } from '../../src/util/errors.ts'
import { setLimit, setLimitOf } from '../../src/util/limits.ts'

/** A picture whose every pixel tells where it is: red grows to the right, green grows downwards. */
function ramp(width: number, height: number): Image {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0, k = 0; y < height; y++) {
    for (let x = 0; x < width; x++, k += 3) data.set([(255 * x) / (width - 1), (255 * y) / (height - 1), 60], k)
  }
  return { width, height, data }
}

const fromRaw = ({ data, width, height }: Image) => sharp(data, { raw: { width, height, channels: 3 } })

let folder: string
beforeAll(async () => {
  await tf.setBackend('cpu')
  folder = await mkdtemp(join(tmpdir(), 'image-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('readImage', () => {
  it.each([
    ['png', 0],
    ['webp', 0],
    ['jpeg', 4],
  ] as const)('reads back what encodeImage wrote as %s', async (format, tolerance) => {
    const image = ramp(40, 30)
    const again = await readImage(await encodeImage(image, format))
    expect([again.width, again.height]).toEqual([40, 30])
    const worst = again.data.reduce((most, byte, i) => Math.max(most, Math.abs(byte - image.data[i]!)), 0)
    expect(worst).toBeLessThanOrEqual(tolerance)
  })

  it('turns the picture as its EXIF orientation says', async () => {
    const stored = ramp(40, 30)
    const bytes = await fromRaw(stored).withMetadata({ orientation: 6 }).png().toBuffer()
    const shown = await readImage(bytes)
    expect([shown.width, shown.height]).toEqual([30, 40])
    // Orientation 6 is shown turned clockwise: the stored lower left corner comes to the upper left.
    expect([...shown.data.subarray(0, 3)]).toEqual([0, 255, 60])
  })

  it('flattens alpha on white, and widens grey and 16 bits to RGB bytes', async () => {
    const clear = await sharp({
      create: { width: 2, height: 2, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0 } },
    })
      .png()
      .toBuffer()
    expect([...(await readImage(clear)).data]).toEqual(new Array(12).fill(255))
    const grey = await fromRaw(ramp(8, 8)).greyscale().png().toBuffer()
    const { data } = await readImage(grey)
    expect(data.length).toBe(8 * 8 * 3)
    expect(data[3]).toBe(data[5])
    const deep = await fromRaw(ramp(8, 8)).toColourspace('rgb16').png().toBuffer()
    expect((await sharp(deep).metadata()).depth).toBe('ushort')
    expect([...(await readImage(deep)).data]).toEqual([...ramp(8, 8).data])
  })

  it('converts a colour profile to sRGB', async () => {
    const red: Image = { width: 1, height: 1, data: Uint8Array.of(200, 40, 40) }
    const wide = await fromRaw(red).withIccProfile('p3').png().toBuffer()
    const stored = await sharp(wide, { ignoreIcc: true }).raw().toBuffer()
    expect(stored[0]).not.toBe(200) // stored in P3's own numbers
    const { data } = await readImage(wide)
    expect(Math.abs(data[0]! - 200)).toBeLessThanOrEqual(2)
  })

  it.each([
    ['missing', async () => undefined, /no such file/],
    ['empty', (path: string) => writeFile(path, ''), /empty/],
    ['no picture', (path: string) => writeFile(path, 'a letter to a friend'), /expected a whole picture/],
    [
      'truncated',
      async (path: string) => {
        const whole = await encodeImage(ramp(300, 200), 'jpeg')
        await writeFile(path, whole.subarray(0, whole.length / 2))
      },
      /expected a whole picture/,
    ],
  ])('says in one line that a file is %s', async (name, make, message) => {
    const path = join(folder, `${name}.jpg`)
    await make(path)
    const error = await readImage(path).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(UserError)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).toContain(path)
    expect((error as Error).message).not.toContain('\n')
  })
})

describe('formats, by what is in a file', () => {
  const ramps = ramp(64, 48)
  /** How far a picture is from the ramp, at most and in the mean. */
  const distance = ({ data }: Image) => {
    const apart = [...data].map((byte, i) => Math.abs(byte - ramps.data[i]!))
    return { most: Math.max(...apart), mean: apart.reduce((a, b) => a + b, 0) / apart.length }
  }

  it('reads HEIC, which sharp does not', async () => {
    const picture = await readImage('test/data/ramp.heic')
    expect([picture.width, picture.height, picture.alpha]).toEqual([64, 48, undefined])
    expect(distance(picture).mean).toBeLessThan(2)
  })

  it('reads JPEG XL and AVIF', async () => {
    const { default: encode, init } = await import('@jsquash/jxl/encode.js')
    const wasm = await readFile('node_modules/@jsquash/jxl/codec/enc/jxl_enc.wasm')
    await init(new webAssembly.Module(wasm) as never)
    const rgba = await fromRaw(ramps).ensureAlpha().raw().toBuffer()
    const pixels = { width: 64, height: 48, data: new Uint8ClampedArray(rgba), colorSpace: 'srgb' }
    const jxl = new Uint8Array(await encode(pixels as never, { lossless: true }))
    expect(pictureFormat(jxl)).toBe('jxl')
    expect(distance(await readImage(jxl)).most).toBeLessThanOrEqual(1)
    const avif = await fromRaw(ramps).avif({ quality: 90 }).toBuffer()
    expect(pictureFormat(avif)).toBe('avif')
    expect(distance(await readImage(avif)).mean).toBeLessThan(3)
  })

  it.each([24, 32, 8])('reads BMP of %i bits', async depth => {
    const bytes = bmp(ramps, depth as 8 | 24 | 32)
    expect(pictureFormat(bytes)).toBe('bmp')
    const grey = { ...ramps, data: ramps.data.map((_, k) => ramps.data[k - (k % 3)]!) }
    expect([...(await readImage(bytes)).data]).toEqual([...(depth === 8 ? grey : ramps).data])
  })

  it('refuses BMP of kinds that its library reads wrong', async () => {
    const bytes = bmp(ramps, 24)
    bytes.writeUInt16LE(4, 28)
    await expect(readImage(bytes)).rejects.toThrow(/a BMP of 4 bits and compression 0, which is not read/)
  })

  it('takes what a file is for its format, and not its name, and reads nothing that is text', async () => {
    const path = join(folder, 'a.png')
    await writeFile(path, await encodeImage(ramps, 'jpeg'))
    expect((await readImage(path)).width).toBe(64)
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="/etc/hostname"/></svg>'
    await expect(readImage(Buffer.from(svg), 'a.svg')).rejects.toThrow(/found 'a file of another kind': a\.svg/)
  })

  it('never cuts an animation, or pages, to the first of them', async () => {
    const frames = sharp(Buffer.concat([ramps.data, ramps.data.map(byte => 255 - byte)]), {
      raw: { width: 64, height: 96, channels: 3, pageHeight: 48 },
    })
    const kinds = { gif: frames.clone().gif(), webp: frames.clone().webp({ lossless: true }) }
    for (const [name, kind] of Object.entries(kinds))
      await expect(readImage(await kind.toBuffer(), name), name).rejects.toThrow(
        /expected one picture, found \d frames or pages \(an animation\?\): (gif|webp)/,
      )
    const png = await encodeImage(ramps, 'png')
    // The chunk that makes it an animation, after the header; its checksum is not looked at before it is refused.
    const control = Buffer.from('\0\0\0\x08acTL\0\0\0\x02\0\0\0\0\0\0\0\0', 'latin1')
    const apng = Buffer.concat([png.subarray(0, 33), control, png.subarray(33)])
    await expect(readImage(apng)).rejects.toThrow(/several frames or pages/)
    expect((await readImage(png)).width).toBe(64)
  })

  it("takes a profile that is put into a PNG's header for its own", async () => {
    const wide = await fromRaw(ramps).withIccProfile('p3').png().toBuffer()
    const { icc } = await sharp(wide).metadata()
    const numbers = await sharp(wide, { ignoreIcc: true }).raw().toBuffer()
    const bare = await encodeImage({ ...ramps, data: numbers }, 'png')
    expect(distance(await readImage(bare)).most).toBeGreaterThan(20)
    expect(distance(await readImage(withProfile(bare, icc!))).most).toBeLessThanOrEqual(10)
  })
})

describe('transparency', () => {
  const size = 16
  const shade = Uint8Array.from({ length: size * size }, (_, i) => i)
  const rgba = Uint8Array.from({ length: 4 * size * size }, (_, k) => (k % 4 === 3 ? k >> 2 : (37 * k) % 256))
  const stored = () =>
    sharp(rgba, { raw: { width: size, height: size, channels: 4 } })
      .png()
      .toBuffer()

  it('is kept in PNG and WebP, and shows on white what was read', async () => {
    const image = await readImage(await stored())
    expect(image.alpha).toEqual(shade)
    for (const format of ['png', 'webp'] as const) {
      const again = await readImage(await encodeImage(image, format))
      expect(again).toEqual(image)
    }
    const jpeg = await readImage(await encodeImage(image, 'jpeg', 100))
    expect(jpeg.alpha).toBeUndefined()
    expect(jpeg.data[0]).toBeGreaterThan(250)
  })

  it('hides nothing: under clear pixels lies white, whatever the file had there', async () => {
    const bytes = await encodeImage(await readImage(await stored()), 'png')
    const { data } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true })
    expect([...data.subarray(0, 4)]).toEqual([255, 255, 255, 0])
    expect(rgba[1]).not.toBe(255)
  })

  it('of pictures that are opaque there is none', async () => {
    const opaque = await fromRaw(ramp(8, 8)).ensureAlpha().png().toBuffer()
    expect(Object.keys(await readImage(opaque))).toEqual(['width', 'height', 'data'])
  })
})

/** A BMP file; of 8 bits, the red of each pixel as grey. */
function bmp({ width, height, data }: Image, depth: 8 | 24 | 32): Buffer {
  const palette = depth === 8 ? 1024 : 0
  const row = (((width * depth) / 8 + 3) >> 2) << 2
  const bytes = Buffer.alloc(54 + palette + row * height)
  bytes.write('BM')
  for (const [at, value] of [
    [2, bytes.length],
    [10, 54 + palette],
    [14, 40],
    [18, width],
    [22, height],
    [34, row * height],
  ] as const)
    bytes.writeUInt32LE(value, at)
  bytes.writeUInt16LE(1, 26)
  bytes.writeUInt16LE(depth, 28)
  for (let i = 0; i < palette / 4; i++) bytes.set([i, i, i, 0], 54 + 4 * i)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const k = 3 * (y * width + x)
      const at = 54 + palette + row * (height - 1 - y) + (x * depth) / 8
      if (depth === 8) bytes[at] = data[k]!
      else bytes.set([data[k + 2]!, data[k + 1]!, data[k]!], at)
    }
  return bytes
}

describe('a picture that would hurt', () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="30000"><rect width="9" height="9"/></svg>'
  it.each([
    ['an SVG', svg],
    ['an SVG after a comment', `<?xml version="1.0"?><!-- -->${svg}`],
    ['an SVG after the letters of a GIF', `GIF89a${svg}`],
    ['an SVG after those of a TIFF', `II*\0${svg}`],
    ['a PDF', '%PDF-1.7'],
    ['a video', '\0\0\0\x18ftypisom\0\0\0\0isommp41'],
  ])('%s is refused at once, whatever it is called', { timeout: 10_000 }, async (name, text) => {
    const path = join(folder, `${name}.jpg`)
    await writeFile(path, text, 'latin1')
    await expect(readImage(path)).rejects.toThrow(/^expected a whole picture [^\n]*$/)
  })

  it('of too many pixels is refused by its header, and read when the limit is raised', async () => {
    const wide = ramp(1200, 900)
    const { default: encode, init } = await import('@jsquash/jxl/encode.js')
    await init(new webAssembly.Module(await readFile('node_modules/@jsquash/jxl/codec/enc/jxl_enc.wasm')) as never)
    const rgba = new Uint8ClampedArray(await fromRaw(wide).ensureAlpha().raw().toBuffer())
    const files = {
      png: await encodeImage(wide, 'png'),
      webp: await encodeImage(wide, 'webp'),
      jpeg: await encodeImage(wide, 'jpeg'),
      tiff: await fromRaw(wide).tiff().toBuffer(),
      gif: await fromRaw(wide).gif().toBuffer(),
      avif: await fromRaw(wide).avif({ effort: 0 }).toBuffer(),
      bmp: bmp(wide, 24),
      jxl: new Uint8Array(await encode({ width: 1200, height: 900, data: rgba } as never, { effort: 1 })),
    }
    try {
      for (const [name, bytes] of Object.entries(files)) {
        setLimit('megapixels', 1)
        const error = (await readImage(bytes, name).catch((error: unknown) => error)) as UserError
        expect(error, name).toBeInstanceOf(UserError)
        expect(error.message).toMatch(/^expected a .* picture of at most [\d.]+ megapixels, found 1200 x 900: /)
        setLimitOf(/--limit (megapixels=\d+)$/.exec(error.message)![1]!)
        expect((await readImage(bytes)).width, name).toBe(1200)
      }
    } finally {
      delete process.env.DIFF_PRIVACY_LIMITS
    }
    for (const wrong of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => setLimit('megapixels', wrong)).toThrow(UserError)
  })

  it('of a BMP that claims more pixels than it has is refused before they are made', async () => {
    const claimed = Buffer.from(bmp(ramp(64, 48), 24))
    claimed.writeInt32LE(15_000, 18)
    claimed.writeInt32LE(15_000, 22)
    await expect(readImage(claimed)).rejects.toThrow(/a BMP of 15000 x 15000 pixels in \d+ bytes/)
  })
})

describe('writeImage', () => {
  it.each(['png', 'jpg', 'jpeg', 'webp'])('carries no metadata of the input into a .%s', async extension => {
    const tagged = await fromRaw(ramp(40, 30))
      .withExif({ IFD0: { Copyright: 'Somebody' }, IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '52/1 31/1 0/1' } })
      .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>')
      .withIccProfile('p3')
      .jpeg()
      .toBuffer()
    const before = await sharp(tagged).metadata()
    expect([before.exif, before.xmp, before.icc].every(Boolean)).toBe(true)
    const path = join(folder, `clean.${extension}`)
    await writeImage(path, await readImage(tagged))
    const after = await sharp(path).metadata()
    expect(after.exif ?? after.xmp ?? after.icc ?? after.iptc ?? after.orientation).toBeUndefined()
    expect((await readFile(path)).includes('Somebody')).toBe(false)
  })

  it('leaves only the finished file behind', async () => {
    const inside = await mkdtemp(join(folder, 'whole-'))
    await writeImage(join(inside, 'a.png'), ramp(4, 4))
    expect(await readdir(inside)).toEqual(['a.png'])
  })

  it('refuses a format that it does not know and a folder that is not there', async () => {
    await expect(writeImage(join(folder, 'a.gif'), ramp(4, 4))).rejects.toThrow(/\.png.*found '\.gif'/)
    const error = await writeImage(join(folder, 'nowhere', 'a.png'), ramp(4, 4)).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(UserError)
    expect((error as Error).message).toMatch(/cannot write .*nowhere.*there is no folder/)
  })
})

describe('tensors', () => {
  it('there and back is the same picture', async () => {
    const image = ramp(16, 9)
    const tensor = toTensor(image)
    expect(tensor.shape).toEqual([1, 9, 16, 3])
    expect([tf.min(tensor).dataSync()[0], tf.max(tensor).dataSync()[0]]).toEqual([-1, 1])
    expect(await fromTensor(tensor)).toEqual([image])
  })

  it('rounds, clamps and tells the pictures of a batch apart', async () => {
    const batch = tf.tensor4d([-9, 0.001, 9, -1, -0.996, 1], [2, 1, 1, 3])
    const [first, second] = await fromTensor(batch)
    expect([...first!.data]).toEqual([0, 128, 255])
    expect([...second!.data]).toEqual([0, 1, 255])
  })
})

it('resizeImage shrinks without patterns: a fine chessboard becomes grey', async () => {
  const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, k) => {
    const pixel = Math.floor(k / 3)
    return ((pixel % 64) + Math.floor(pixel / 64)) % 2 ? 255 : 0
  })
  const small = await resizeImage({ width: 64, height: 64, data }, 15, 9)
  expect([small.width, small.height, small.data.length]).toEqual([15, 9, 15 * 9 * 3])
  expect(Math.max(...small.data) - Math.min(...small.data)).toBeLessThan(12)
})
