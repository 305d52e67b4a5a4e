import { describe, expect, it } from 'vitest'
import { mae, psnr } from '../../../src/eval/metrics/pixel-error.ts'
import { msSsim, ssim } from '../../../src/eval/metrics/ssim.ts'
import type { Image } from '../../../src/images/image.ts'
import { proceduralPicture } from '../../../src/parity/procedural.ts'
import { golden, relative } from './golden.ts'

interface Pair {
  name: string
  width: number
  height: number
  mae: number
  'scikit-image': { psnr: number; ssim: number }
  torchmetrics: { psnr: number; ssim: number; 'ms-ssim'?: number }
  'pytorch-msssim': { ssim: number; 'ms-ssim'?: number }
}

const { pairs } = await golden<{ pairs: Pair[] }>('metrics/quality')

/** metrics.py's pictures: a procedural one, and itself mixed with a quarter of another. */
function pictures({ name, width, height }: Pair): [Image, Image] {
  const [x, other] = ['x', 'y'].map(side => proceduralPicture(`${name}:${side}`, width, height))
  const mixed = x!.map((value, i) => Math.floor((3 * value + other![i]!) / 4))
  return [
    { width, height, data: x! },
    { width, height, data: mixed },
  ]
}

describe.each(pairs)('pictures of $width x $height, against the references', expected => {
  const [x, y] = pictures(expected)

  it('have the same MAE and PSNR', () => {
    expect(relative(mae(x, y), expected.mae)).toBeLessThan(1e-12)
    expect(relative(psnr(x, y), expected['scikit-image'].psnr)).toBeLessThan(1e-12)
    expect(relative(psnr(x, y), expected.torchmetrics.psnr)).toBeLessThan(1e-6)
  })

  it('have the same SSIM', () => {
    expect(relative(ssim(x, y), expected['scikit-image'].ssim)).toBeLessThan(1e-10)
    expect(relative(ssim(x, y), expected['pytorch-msssim'].ssim)).toBeLessThan(1e-6)
  })

  const multiScale = expected['pytorch-msssim']['ms-ssim']
  it('have the same MS-SSIM, or none where they are small', () => {
    const found = msSsim(x, y)
    if (multiScale === undefined) expect(found).toMatchObject({ unmeasured: expect.stringContaining('161 x 161') })
    else expect(relative(found as number, multiScale)).toBeLessThan(1e-6)
  })
})

it("torchmetrics' SSIM differs, as docs/metrics.md says: it counts windows that reach beyond the picture", () => {
  const [{ 'scikit-image': whole, torchmetrics: reflected }] = pairs as [Pair]
  expect(relative(reflected.ssim, whole.ssim)).toBeGreaterThan(1e-4)
})

it('MS-SSIM of equal pictures is 1, and of a picture and its negative 0', () => {
  const x: Image = { width: 176, height: 168, data: proceduralPicture('ms-ssim', 176, 168) }
  expect(msSsim(x, x)).toBeCloseTo(1, 12)
  expect(msSsim(x, { ...x, data: x.data.map(value => 255 - value) })).toBe(0)
})
