/** A summary as Markdown, everything that a number needs to be understood beside it. */
import type { Comparison } from './face-measurement.ts'
import type { Proportion } from './metrics/proportion.ts'
import type { RecognizerSummary, Summary } from './summary.ts'

/** What was measured, on what and with what. */
export interface Provenance {
  readonly command: string
  readonly date: string
  readonly backend: string
  readonly machine: string
  readonly model: { readonly name: string; readonly sha256: string }
  /** The store and how its faces were chosen. */
  readonly faces: string
  readonly guide: string
  readonly recipes: unknown
}

const labels: Readonly<Record<Comparison, string>> = {
  anonymized: 'original and anonymized',
  betweenSamples: 'two anonymized versions of one face',
  hidden: 'original and hidden',
  recovered: 'original and recovered',
  wrongKey: 'original and recovered with a wrong key',
  reconstruction: 'original and autoencoder alone',
}

/** The whole report: recognizers that guided and those that did not are in tables apart. */
export function summaryTable(summary: Summary, from: Provenance): string {
  const { faces, whiteBox, blackBox, detection, psnr, ssim, seconds } = summary
  const parts = Object.entries(seconds)
  const total = parts.reduce((sum, [, value]) => sum + value, 0)
  return `# Evaluation of ${from.model.name}

- command: \`${from.command}\`, ${from.date}, backend ${from.backend}, ${from.machine}
- model: ${from.model.name}, sha256 ${from.model.sha256}
- faces: N = ${faces}, one photo a person; ${from.faces}
- guide: ${from.guide}. A pair is accepted when its cosine similarity is above the recognizer's threshold.
- intervals: 95 %, Wilson's, which takes pairs for independent; several samples of one face are not

## Verification, white box: the recognizer that guided

${verificationTable(whiteBox)}

## Verification, black box: recognizers that had no part

${verificationTable(blackBox)}

## Pictures

${table(
  ['', 'original', 'autoencoder alone', 'anonymized', 'hidden', 'recovered', 'wrong key'],
  [
    ['face detected', ...columns.map(key => share(detection[key as 'original']))],
    ['PSNR against original, dB', ...columns.map(key => number(psnr[key as 'recovered'], 2))],
    ['SSIM against original', ...columns.map(key => number(ssim[key as 'recovered'], 3))],
  ],
)}

## Seconds a face

${table(
  [...parts.map(([part]) => part), 'in all'],
  [[...parts.map(([, value]) => value.toFixed(2)), total.toFixed(2)]],
)}

## Recipes

\`\`\`json
${JSON.stringify(from.recipes, null, 2)}
\`\`\`
`
}

const columns = ['original', 'reconstruction', 'anonymized', 'hidden', 'recovered', 'wrongKey']

function verificationTable(recognizers: readonly RecognizerSummary[]): string {
  const header = recognizers.flatMap(({ recognizer, threshold, far }) => [
    `${recognizer}: accepted at ${threshold.toFixed(4)} (false accept rate ${far})`,
    'mean cosine',
    'N',
  ])
  const clean = recognizers.flatMap(({ clean: { rate, interval, pairs } }) => [
    share({ rate, interval }),
    '',
    `${pairs}`,
  ])
  const rows = (Object.keys(labels) as Comparison[])
    .filter(comparison => recognizers.some(({ comparisons }) => comparisons[comparison]))
    .map(comparison => [
      labels[comparison],
      ...recognizers.flatMap(({ comparisons }) => {
        const found = comparisons[comparison]
        return found ? [share(found.accepted), found.meanCosine.toFixed(3), `${found.accepted.total}`] : ['', '', '']
      }),
    ])
  return table(['pair', ...header], [['two clean photos of one person (calibration)', ...clean], ...rows])
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

function share(found: Pick<Proportion, 'rate' | 'interval'> | undefined): string {
  if (!found) return ''
  const [low, high] = found.interval
  return `${(100 * found.rate).toFixed(1)} % (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`
}

function number(value: number | undefined, digits: number): string {
  return value === undefined ? '' : value.toFixed(digits)
}
