import { recognizerNames } from '../faces/recognizers.ts'

/**
 * Names of all measures of a point:
 * - `cosine.R`: cosine of original and protected face under recognizer R; `accepted.R`: share of protected faces that R
 *   takes for the person, at its threshold
 * - `between.R`: cosine of two protected versions of one face, where there are several
 * - `detection`: the detector's score, 0 where it finds no face; `detected`: share of faces that it finds
 * - `ssim`: of original and protected face
 * - `seconds`: to protect a face
 * - with recovery: `recovered.cosine.R`, `recovered.accepted.R`, `recovered.psnr` by the right key, and `wrong-key.cosine.R`
 *   and `wrong-key.accepted.R` by a wrong one
 */
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
