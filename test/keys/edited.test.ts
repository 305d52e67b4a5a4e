/** Edited copies of a protected photo are found again by its key, and other pictures are not. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Box } from '../../src/faces/box.ts'
import { readImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import { cropOriginal } from '../../src/keys/original-crop.ts'
import { keyPath } from '../../src/pipeline/files.ts'
import { writeProtected } from '../../src/pipeline/protect-file.ts'
import { facesShown, readProtected, recoverFile } from '../../src/pipeline/recover-file.ts'
import { couple, portrait } from '../pipeline/photos.ts'

const folder = mkdtempSync(join(tmpdir(), 'edited-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)
const noModel = () => Promise.reject(new Error('no model is needed'))

/** Where the faces of `couple` are. */
const boxes: Box[] = [
  { x: 96, y: 88, width: 104, height: 120 },
  { x: 352, y: 80, width: 104, height: 120 },
]
let original: Image
let published: Buffer

const face = (number: number) => ({
  face: number,
  transform: { a: 1, b: 0, tx: 0, ty: 0 },
  model: { name: 'tiny', sha256: 'ab'.repeat(32) },
  recipe: { steps: 2 },
  shapes: { embeddings: [10, 1] as [number, number], latent: [1, 1, 1] as [number, number, number] },
  embeddings: new Float32Array(10),
  latent: new Float32Array(1),
})

beforeAll(async () => {
  const file = await couple().png().toBuffer()
  writeFileSync(at('original.png'), file)
  original = await readImage(file)
  // Any other pixels do in the place of protected faces.
  const data = original.data.slice()
  for (const { x, y, width, height } of boxes)
    for (let v = y + 8; v < y + height - 8; v++)
      for (let u = x + 8; u < x + width - 8; u++)
        for (let c = 0; c < 3; c++)
          data[3 * (v * original.width + u) + c]! =
            (data[3 * (v * original.width + u) + c]! + 128 + 40 * Math.sin(u / 5)) / 2
  const protectedPhoto = { ...original, data }
  const faces = await Promise.all(
    boxes.map(async (box, i) => ({ key: { ...face(i), crop: await cropOriginal(original, box) } })),
  )
  await writeProtected({ faces, photos: [protectedPhoto] }, [at('ours.jpg')])
  await writeProtected({ faces, photos: [protectedPhoto] }, [at('whole.jpg')], { original: file })
  published = readFileSync(at('ours.jpg'))
})

/** The original with the same done to it. */
async function edit(name: string, how: (picture: Sharp) => Sharp): Promise<Image> {
  const cut = await how(sharp(published)).png().toBuffer()
  await sharp(cut).jpeg({ quality: 60 }).toFile(at(name))
  return readImage(
    await how(sharp(await couple().png().toBuffer()))
      .png()
      .toBuffer(),
  )
}

function psnr(a: Image, b: Image, { x, y, width, height }: Box): number {
  let sum = 0
  for (let v = y; v < y + height; v++)
    for (let k = 3 * (v * a.width + x); k < 3 * (v * a.width + x + width); k++) sum += (a.data[k]! - b.data[k]!) ** 2
  return 10 * Math.log10(255 ** 2 / (sum / (3 * width * height)))
}

const scaled = ({ x, y, width, height }: Box, scale: number, left = 0, top = 0): Box => ({
  x: Math.round((x - left) * scale) + 4,
  y: Math.round((y - top) * scale) + 4,
  width: Math.round(width * scale) - 8,
  height: Math.round(height * scale) - 8,
})

const half = (picture: Sharp) => picture.resize(320, 200)
const cut = (picture: Sharp) => picture.extract({ left: 40, top: 30, width: 500, height: 330 })
const both = (picture: Sharp) => picture.extract({ left: 40, top: 30, width: 500, height: 330 }).resize(300, 198)

describe.each([
  ['scaled to 50 %', half, /^scaled to 50\.0 %$/, (box: Box) => scaled(box, 0.5)],
  ['cut', cut, /^cut to 78 x 8[23] % of it$/, (box: Box) => scaled(box, 1, 40, 30)],
  ['encoded again', (picture: Sharp) => picture, /^encoded again$/, (box: Box) => scaled(box, 1)],
  [
    'cut and scaled',
    both,
    /^scaled to (59|60)\.\d %, cut to 78 x 8[23] % of it$/,
    (box: Box) => scaled(box, 0.6, 40, 30),
  ],
] as const)('%s, as JPEG of quality 60', (name, how, described, place) => {
  test('is found, told, and its faces are those of the original', { timeout: 30_000 }, async () => {
    const file = `${name.replaceAll(/\W/g, '')}.jpg`
    const expected = await edit(file, how)
    await expect(readProtected(at(file), { key: keyPath(at('ours.jpg')) })).rejects.toThrow(
      /another picture.*--allow-edited/,
    )
    const locked = await readProtected(at(file), { key: keyPath(at('ours.jpg')), allowEdited: true })
    expect(locked.edited!.match).toBeGreaterThan(0.9)
    expect(locked.edited!.description).toMatch(described)
    expect(await facesShown(locked)).toBe(2)
    await recoverFile(noModel, locked, at('back.png'))
    const back = await readImage(at('back.png'))
    const seen = await readImage(at(file))
    for (const box of boxes) {
      expect(psnr(back, expected, place(box))).toBeGreaterThan(28)
      expect(psnr(seen, expected, place(box))).toBeLessThan(20)
    }
  })
})

test('a face that was cut off is not counted', async () => {
  await edit('left.jpg', picture => picture.extract({ left: 0, top: 0, width: 330, height: 400 }))
  const locked = await readProtected(at('left.jpg'), { key: keyPath(at('ours.jpg')), allowEdited: true })
  expect(await facesShown(locked)).toBe(1)
})

test('the key of a copy is found among others in a folder', async () => {
  const other = await readImage(await portrait(2).png().toBuffer())
  await writeProtected({ faces: [{ key: face(0) }], photos: [other] }, [at('another.png')])
  await edit('sent.jpg', both)
  const locked = await readProtected(at('sent.jpg'), { key: folder, allowEdited: true })
  expect([keyPath(at('ours.jpg')), keyPath(at('whole.jpg'))]).toContain(locked.key)
})

test.each([3, 4, 6])('another photo is refused in a line: sample %i', async which => {
  await sharp(`node_modules/@vladmandic/face-api/demo/sample${which}.jpg`).resize(640).toFile(at('other.jpg'))
  const reading = readProtected(at('other.jpg'), { key: keyPath(at('ours.jpg')), allowEdited: true })
  await expect(reading).rejects.toThrow(/is no copy of the picture/)
})

test('a key of version 0.1 says that it knows no copies', async () => {
  const reading = readProtected(at('ours.jpg'), { key: 'test/golden/keys/version-1-crop.dpkey', allowEdited: true })
  await expect(reading).rejects.toThrow(/found one of version 0\.1/)
})

test('near: 45 dB and more over the faces, from file to file; lossless: the original file itself', async () => {
  const near = await recoverFile(noModel, await readProtected(at('ours.jpg')), at('near.jpg'))
  const back = await readImage(near)
  for (const box of boxes) expect(psnr(back, original, box)).toBeGreaterThan(45)
  const to = await recoverFile(noModel, await readProtected(at('whole.jpg')), at('exact.jpg'))
  expect(to).toBe(at('exact.png'))
  expect(readFileSync(to)).toEqual(readFileSync(at('original.png')))
  expect((await readImage(to)).data).toEqual(original.data)
})
