import { recognizerNames } from '../faces/recognizers.ts'

/** What each kind of measure is; R is a recognizer. */
export const measureMeanings: readonly (readonly [name: string, meaning: string])[] = [
  ['cosine.R', 'Cosine similarity of the original and the protected face under recognizer R, the mean of all faces.'],
  ['accepted.R', 'Share of protected faces that R takes for the person on the original, at its threshold.'],
  ['between.R', 'Cosine similarity of two protected versions of one face, where there are several.'],
  ['detected, detection', 'Share of protected faces that the detector finds; its mean score, 0 where it finds none.'],
  ['ssim', 'Structural similarity of the original and the protected face.'],
  ['recovered.*, wrong-key.*', 'The same of what the key regenerates, and of what a wrong key does; PSNR in decibels.'],
  ['seconds', 'To protect one face, all its versions together, on the machine that did it.'],
  ['white box', 'The recognizer that guided: its verdict is no evidence that others would agree.'],
]

/** Names of all measures that a point can have. */
export function measureNames(recovery: boolean): string[] {
  const each = (prefix: string) =>
    recognizerNames.flatMap(name => [`${prefix}accepted.${name}`, `${prefix}cosine.${name}`])
  return [
    ...each(''),
    ...recognizerNames.map(name => `between.${name}`),
    ...['detected', 'detection', 'ssim'],
    ...(recovery ? [...each('recovered.'), 'recovered.psnr', ...each('wrong-key.')] : []),
    'seconds',
  ]
}
