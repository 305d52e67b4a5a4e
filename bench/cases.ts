/** What the bench measures: each case is one piece of work that both sides do, in the same sizes and with random weights. */

export type Precision = 'float32' | 'bf16'

export interface Case {
  readonly name: string
  readonly title: string
  /** The function of ours.ts and theirs.py, and what it is called with. */
  readonly work: Work
  readonly arguments: readonly (number | string)[]
  readonly model: 'faces-128' | 'stable-diffusion-v1-4'
  readonly precision: Precision
  /** Of each side; long cases are repeated less often. */
  readonly repetitions: number
}

export type Work =
  | 'unet-forward'
  | 'sd-unet'
  | 'decode'
  | 'decode-gradient'
  | 'guided-step'
  | 'whole-face'
  | 'base-step'
  | 'msi-step'
  | 'generator'
  | 'generator-gradient'
  | 'peak'

const of = (
  name: string,
  title: string,
  work: Work,
  args: Case['arguments'],
  repetitions: number,
  options: Partial<Pick<Case, 'model' | 'precision'>> = {},
): Case => ({ name, title, work, arguments: args, repetitions, model: 'faces-128', precision: 'float32', ...options })

/** What the processor can do at best, measured in the same run: the other cases are told as a share of it. */
export const peaks: readonly Case[] = [
  of('peak-product', '2048 x 2048 matrix product', 'peak', ['product'], 15),
  of('peak-convolution', '3x3 convolution, [16, 32, 32, 128] to 128', 'peak', ['convolution'], 15),
]

/** The convolution of `peaks` by tfjs's own kernel, where `peaks` may have one of ours. */
export const libraryConvolution: Case = of(
  'library-convolution',
  'The same convolution by the kernel of tfjs',
  'peak',
  ['library-convolution'],
  15,
)

const sd = { model: 'stable-diffusion-v1-4' } as const

export const cases: readonly Case[] = [
  of('unet-forward', 'UNet forward, 1 latent', 'unet-forward', [], 40),
  of('decode', 'Autoencoder decode, 1 face', 'decode', [], 40),
  of('decode-gradient', 'Autoencoder decode and its input gradient', 'decode-gradient', [], 30),
  of('guided-step-1', 'Guided step, N = 1', 'guided-step', [1], 20),
  of('guided-step-4', 'Guided step, N = 4', 'guided-step', [4], 12),
  of('whole-face', 'Whole face: encoding, 12 guided steps with N = 4, decoding', 'whole-face', [4, 12], 4),
  of('msi-step', 'MSI training step, batch 32', 'msi-step', [32], 8),
  of('base-step', 'Base-model training step, batch 32', 'base-step', [32], 8),
  of('base-step-bf16', 'Base-model training step, batch 32, both in bf16', 'base-step', [32], 8, { precision: 'bf16' }),
  of('generator-256', 'Generator, features of a face of 256 pixels', 'generator', [256], 20),
  of('generator-gradient-256', 'The same and their gradient', 'generator-gradient', [256], 12),
  of('generator-1024', 'Generator, a face of 1024 pixels', 'generator', [1024], 8),
  of('sd-unet-32', 'Stable Diffusion v1.4 UNet forward, 32 x 32', 'sd-unet', [32], 5, sd),
  of('sd-unet-64', 'Stable Diffusion v1.4 UNet forward, 64 x 64', 'sd-unet', [64], 3, sd),
]
