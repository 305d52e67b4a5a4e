/** An evaluation as Markdown: a table for each question, a row for each version of each method. */
import { markdownTable } from '../util/text-table.ts'
import type { Evaluation, Row } from './evaluation.ts'
import { usualRate } from './identity/accept-thresholds.ts'
import type { Definition } from './metrics/definition.ts'

/** One column: which values it shows, and how. */
export interface Column {
  readonly head: string
  readonly picks: (row: Row) => boolean
  readonly show: (row: Row) => string
}

export interface Table {
  readonly title: string
  readonly about?: string
  readonly columns: readonly string[]
  readonly rows: readonly Line[]
}

/** A row of a table. */
export interface Line {
  readonly name: string
  /** How many cases its numbers are of, unless they say otherwise. */
  readonly n: number | undefined
  readonly cells: readonly (Row | undefined)[]
  readonly texts: readonly string[]
}

/** A row of the first value that each column picks; a cell that is of another number of cases than the row says so. */
export function line(name: string, values: readonly Row[], columns: readonly Column[]): Line {
  const cells = columns.map(({ picks }) => values.find(picks))
  const n = cells.find(Boolean)?.n
  const texts = cells.map((cell, i) =>
    cell ? `${columns[i]!.show(cell)}${cell.n === n ? '' : `, N = ${cell.n}`}` : '',
  )
  return { name, n, cells, texts }
}

/** A share of 0..1 in percent, with its interval. */
export const percent = ({ value, interval }: Row) => {
  const tenth = (share: number) => (100 * share).toFixed(1)
  return interval ? `${tenth(value)} % (${tenth(interval[0])} to ${tenth(interval[1])})` : `${tenth(value)} %`
}
/** A difference of shares in hundredths, with its sign and interval. */
const points = ({ value, interval = [value, value] }: Row) => {
  const [point, low, high] = [value, ...interval].map(share => `${share > 0 ? '+' : ''}${(100 * share).toFixed(1)}`)
  return `${point} (${low} to ${high})`
}
const fixed =
  (digits: number) =>
  ({ value }: Row) =>
    value.toFixed(digits)
/** A number with its interval. */
export const within =
  (digits: number) =>
  ({ value, interval }: Row) =>
    interval
      ? `${value.toFixed(digits)} (${interval[0].toFixed(digits)} to ${interval[1].toFixed(digits)})`
      : value.toFixed(digits)

const is =
  (definition: string, more: Partial<Record<keyof Row, unknown>> = {}) =>
  (row: Row) =>
    row.definition === definition && Object.entries(more).every(([key, value]) => row[key as keyof Row] === value)

/** What tables call a version of a method: the protected pictures have the method's name alone. */
export function titleOf(method: string, version: string): string {
  return version === 'protected' ? method : `${method}: ${version}`
}

/** The tables of one or several evaluations. */
export function tables(evaluations: readonly Evaluation[]): Table[] {
  const rows = evaluations.flatMap(({ values }) => values)
  const recognizers = [...new Set(rows.flatMap(({ recognizer }) => recognizer ?? []))]
  const networks = (definition: string) => [
    ...new Set(rows.filter(row => row.definition === definition).flatMap(({ network }) => network ?? [])),
  ]
  const table = (title: string, columns: readonly Column[], about?: string): Table | undefined => {
    const used = columns.filter(({ picks }) => rows.some(picks))
    const lines = evaluations.flatMap(({ method, versions }) =>
      versions.map(({ name }) =>
        line(
          titleOf(method, name),
          rows.filter(row => row.method === method && row.version === name),
          used,
        ),
      ),
    )
    const shown = lines.filter(({ cells }) => cells.some(Boolean))
    if (shown.length === 0) return undefined
    return { title, ...(about && { about }), columns: used.map(({ head }) => head), rows: shown }
  }
  const isPair = ({ of, version }: Row) => of === `original and ${version}`
  const identity = recognizers.map(recognizer => {
    const accepted = rows.find(row => is('tar-at-far', { recognizer, far: usualRate })(row))
    const role = (row: Row) => row.recognizer === recognizer
    const pick = (definition: string, alignment: string, more: (row: Row) => boolean) => (row: Row) =>
      role(row) && row.alignment === alignment && row.definition === definition && more(row)
    const usual = (row: Row) => row.far === usualRate && isPair(row)
    const threshold = accepted
      ? `accepted above ${accepted.threshold!.toFixed(4)}, a false accept rate of ${usualRate} on ${accepted.thresholdFrom === 'calibration' ? 'the faces of calibration' : 'pairs of originals'}`
      : `no threshold for a false accept rate of ${usualRate}`
    const guides = new Set(rows.filter(row => role(row) && row.role === 'guide').map(({ method }) => method))
    const others = rows.some(row => role(row) && row.role === 'judge') ? '; a judge (black box) of the others' : ''
    const white = guides.size > 0 ? `guide (white box) of ${[...guides].join(', ')}${others}` : 'judge (black box)'
    return table(
      `Identity: ${recognizer}`,
      [
        { head: 'accepted', picks: pick('tar-at-far', 'original', usual), show: percent },
        { head: 'accepted, own landmarks', picks: pick('tar-at-far', 'own', usual), show: percent },
        { head: 'mean cosine', picks: pick('cosine', 'original', isPair), show: fixed(3) },
        { head: 'EER', picks: pick('eer', 'original', isPair), show: percent },
        {
          head: 'rank 1',
          picks: pick('reidentification', 'original', row => row.of!.startsWith('rank 1 ')),
          show: percent,
        },
        {
          head: 'rank 5',
          picks: pick('reidentification', 'original', row => row.of!.startsWith('rank 5 ')),
          show: percent,
        },
        {
          head: 'versions of two people accepted',
          picks: pick(
            'tar-at-far',
            'original',
            row => row.far === usualRate && row.of === `${row.version} of two people`,
          ),
          show: percent,
        },
        {
          head: 'another photo of the person accepted',
          picks: pick(
            'tar-at-far',
            'original',
            row => row.far === usualRate && (row.of?.includes('another picture') ?? false),
          ),
          show: percent,
        },
        {
          head: 'two originals of one person accepted',
          picks: pick(
            'tar-at-far',
            'original',
            row => row.far === usualRate && row.of === 'two originals of one person',
          ),
          show: percent,
        },
        {
          head: 'LFW accuracy, originals',
          picks: pick('lfw', 'original', row => row.of === 'two originals'),
          show: percent,
        },
        { head: 'LFW accuracy', picks: pick('lfw', 'original', isPair), show: percent },
        {
          head: 'difference of the two, points',
          picks: pick('accept-change', 'original', row => row.far === usualRate),
          show: points,
        },
        {
          head: 'two samples of one face accepted',
          picks: pick('tar-at-far', 'original', row => row.of === 'two samples of one face'),
          show: percent,
        },
        { head: 'diversity', picks: pick('diversity', 'original', () => true), show: fixed(3) },
      ],
      `${white}; ${threshold}. Cut out where the original's face is, unless by own landmarks.`,
    )
  })
  const sets = networks('fid')
  const detectors = networks('detection-rate')
  return [
    ...identity,
    table(
      'Quality',
      [
        { head: 'PSNR, dB', picks: is('psnr'), show: fixed(2) },
        { head: 'SSIM', picks: is('ssim'), show: fixed(3) },
        { head: 'MS-SSIM', picks: is('ms-ssim'), show: fixed(3) },
        { head: 'MAE', picks: is('mae'), show: fixed(2) },
        { head: 'LPIPS', picks: is('lpips'), show: fixed(3) },
        { head: 'LPIPS among samples', picks: is('diversity', { recognizer: undefined }), show: fixed(3) },
        { head: 'FID', picks: is('fid'), show: fixed(2) },
        { head: 'KID', picks: is('kid'), show: fixed(4) },
        { head: 'precision', picks: is('precision'), show: fixed(2) },
        { head: 'recall', picks: is('recall'), show: fixed(2) },
      ],
      [
        ...sets.map(network => `FID, KID, precision and recall: ${network}.`),
        ...networks('lpips').map(network => `LPIPS: ${network}.`),
      ].join(' ') || undefined,
    ),
    table('Utility', [
      ...detectors.map(network => ({
        head: `face found, ${network.split(' (')[0]}`,
        picks: (row: Row) => is('detection-rate', { network })(row) && row.of !== 'originals',
        show: percent,
      })),
      { head: 'box distance', picks: is('box-distance'), show: within(2) },
      { head: 'landmark distance', picks: is('landmark-distance'), show: within(2) },
      { head: 'landmark error', picks: is('landmark-error'), show: within(3) },
      { head: 'gaze, degrees', picks: is('gaze'), show: within(1) },
      { head: 'head pose, degrees', picks: is('head-pose', { of: 'angle' }), show: within(1) },
      { head: 'expression agrees', picks: is('attribute-agreement', { of: 'expression' }), show: percent },
      { head: 'gender agrees', picks: is('attribute-agreement', { of: 'gender' }), show: percent },
      { head: 'age difference, years', picks: is('age-difference'), show: within(1) },
      { head: 'background change', picks: is('background-change'), show: within(2) },
    ]),
    table('Appearance', [
      ...['all', 'light', 'medium', 'dark'].map(group => ({
        head: `skin L*, ${group}`,
        picks: is('skin-tone', { of: `L*, ${group}` }),
        show: within(1),
      })),
      { head: 'skin L*, absolute', picks: is('skin-tone', { of: 'absolute L*, all' }), show: within(1) },
      ...['face', 'skin'].map(part => ({
        head: `high frequencies, ${part}`,
        picks: is('high-frequency-energy', { of: `${part}, median` }),
        show: within(2),
      })),
      { head: 'border gradient', picks: is('border-gradient', { of: 'median' }), show: within(2) },
      {
        head: 'border gradient, 90th percentile',
        picks: is('border-gradient', { of: '90th percentile' }),
        show: within(2),
      },
    ]),
    ...recognizers.map(recognizer =>
      table(
        `Attacks: ${recognizer}`,
        [
          ['learned-match', 'found by a learned map, rank 1', (row: Row) => row.of!.startsWith('rank 1 ')],
          ['identity-head', 'named by a trained head', () => true],
          ['protected-detector', 'told from originals', () => true],
          ['inversion-network', 'accepted before inversion', (row: Row) => row.of === 'before the attack'],
          ['inversion-network', 'accepted after inversion', (row: Row) => row.of === 'after the attack'],
          ['guessed-key', 'accepted by a guessed key', () => true],
        ].map(([definition, head, more]) => ({
          head: head as string,
          picks: (row: Row) => is(definition as string, { recognizer })(row) && (more as (row: Row) => boolean)(row),
          show: percent,
        })),
      ),
    ),
    table('Cost', [
      { head: 'key, bytes', picks: is('key-size'), show: fixed(0) },
      ...['protect', 'key', 'recover'].map(of => ({
        head: `${of}, seconds`,
        picks: is('seconds', { of }),
        show: fixed(2),
      })),
    ]),
  ].filter(found => found !== undefined)
}

/** Every table as Markdown, with what was measured above and the definitions below. */
export function markdown(evaluations: readonly Evaluation[], about: Readonly<Record<string, string>>): string {
  const found = tables(evaluations)
  const definitions = new Map(evaluations.flatMap(({ definitions }) => definitions.map(d => [d.id, d] as const)))
  const notes = [...new Set(evaluations.flatMap(({ notes }) => notes))]
  return `# ${about.title}

${Object.entries(about)
  .filter(([key]) => key !== 'title')
  .map(([key, value]) => `- ${key}: ${value}`)
  .join('\n')}

${found.map(({ title, about, columns, rows }) => `## ${title}\n\n${about ? `${about}\n\n` : ''}${grid(columns, rows)}`).join('\n\n')}

${notes.length > 0 ? `## Notes\n\n${notes.map(note => `- ${note}`).join('\n')}\n\n` : ''}## Definitions

${definitionList([...definitions.values()])}
`
}

/** Definitions as a list of Markdown. */
export function definitionList(definitions: readonly Definition[]): string {
  return definitions
    .map(({ name, unit, text, source }) => `- **${name}** (${unit}). ${text} Source: ${source}.`)
    .join('\n')
}

/** Rows under the heads of their columns, as Markdown. */
export function grid(columns: readonly string[], rows: readonly Pick<Line, 'name' | 'n' | 'texts'>[]): string {
  return markdownTable(
    ['', 'N', ...columns],
    rows.map(({ name, n = '', texts }) => [name, n, ...texts]),
  )
}
