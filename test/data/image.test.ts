import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  encodeImage,
  fromTensor,
  type Image,
  readImage,
  resizeImage,
  toTensor,
  writeImage,
} from '../../src/data/image.ts'
import { UserError } from '../../src/util/errors.ts'

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
