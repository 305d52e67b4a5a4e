/** The tables of docs/detection.md. */
import { proportion } from '../../src/eval/metrics/bootstrap.ts'
import { markdownTable } from '../../src/util/text-table.ts'
import type { SceneResult } from './measure.ts'
import type { Timing } from './times.ts'

/** A group of scenes that one aim is for. */
export interface Group {
  readonly title: string
  /** What the share of missed or misplaced faces, or of photos with a false alarm, is to be at most. */
  readonly aim: number
  readonly results: readonly SceneResult[]
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`

function shareWithInterval(count: number, total: number): string {
  const { rate, interval } = proportion(count, total)
  return `${percent(rate)} (${interval.map(end => (100 * end).toFixed(1)).join(' to ')})`
}

/** One row a scene, and one for each group of several. */
export function scenesMarkdown(groups: readonly Group[]): string {
  const rows = groups.flatMap(({ title, aim, results }) => {
    const all = sum(title, results)
    const shown = results.length > 1 ? [...results, { ...all, name: `**${title}**` }] : results
    return shown.map(({ name, photos, faces, missed, covered, misplaced, falselyAlarmed }) => [
      name,
      photos,
      faces,
      faces > 0 ? missed : '',
      faces > 0 ? misplaced : '',
      faces > 0 ? covered : '',
      faces > 0 ? '' : falselyAlarmed,
      faces > 0 ? shareWithInterval(missed + misplaced, faces) : shareWithInterval(falselyAlarmed, photos),
      `${percent(aim)}`,
    ])
  })
  const heads = [
    'scene',
    'photos',
    'faces',
    'missed',
    'misplaced',
    'covered instead',
    'photos with a false alarm',
    'wrong',
    'aim, at most',
  ]
  return markdownTable(heads, rows, { numbers: true })
}

/** Seconds and memory of a search by backend and size of the photo. */
export function timesMarkdown(timings: readonly Timing[]): string {
  const rows = timings.map(({ backend, megapixels, first, second, memory }) => [
    backend,
    megapixels,
    first.toFixed(1),
    second.toFixed(1),
    (memory / 1e9).toFixed(1),
  ])
  const heads = ['backend', 'megapixels', 'seconds, first search', 'seconds, next', 'memory, GB']
  return markdownTable(heads, rows, { numbers: true })
}

function sum(name: string, results: readonly SceneResult[]): SceneResult {
  const of = (key: 'photos' | 'faces' | 'missed' | 'covered' | 'misplaced' | 'falselyAlarmed') =>
    results.reduce((total, result) => total + result[key], 0)
  return {
    name,
    photos: of('photos'),
    faces: of('faces'),
    missed: of('missed'),
    covered: of('covered'),
    misplaced: of('misplaced'),
    falselyAlarmed: of('falselyAlarmed'),
    failures: [],
    seconds: 0,
  }
}
