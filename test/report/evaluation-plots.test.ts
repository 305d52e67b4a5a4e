import { expect, test } from 'vitest'
import type { PlotOf } from '../../src/eval/evaluation.ts'
import { versionPlots } from '../../src/report/evaluation-report.ts'

const version = 'protected'
const histogram: PlotOf = {
  method: 'ours',
  version,
  plot: {
    kind: 'histogram',
    title: 'dlib',
    threshold: 0.5,
    series: [
      { label: 'one person', scores: [0.6, 0.7, 0.8, 1] },
      { label: 'two people', scores: [0, 0.1, 0.1, 0.1] },
    ],
  },
}
const roc: PlotOf = {
  method: 'ours',
  version,
  plot: { kind: 'roc', title: 'ROC', series: [{ label: 'dlib', far: [0, 0.01, 1], tar: [0, 0.5, 1] }] },
}

const ticksOf = (markup: string, anchor: string) =>
  [...markup.matchAll(new RegExp(`text-anchor="${anchor}" fill="var\\(--soft\\)">([^<]*)<`, 'g'))].map(
    ([, tick]) => tick,
  )

test('a histogram for each recognizer, in shares of its pairs, and the threshold at its place', () => {
  const [{ markup }] = versionPlots([histogram]) as [{ markup: string }]
  expect(markup).toContain('aria-label="dlib: cosine similarity of one person and of two people"')
  expect(ticksOf(markup, 'end').at(0)).toBe('0')
  expect(ticksOf(markup, 'middle')).toEqual(['0', '0.2', '0.4', '0.6', '0.8', '1'])
  // Halfway between the sides of the frame.
  expect(markup).toMatch(/<line x1="231\.0" x2="231\.0" [^>]*stroke-dasharray/)
})

test('ROC curves go from a false accept rate of 1e-4 on, by powers of ten; rates below are on the frame', () => {
  const [, { markup }] = versionPlots([histogram, roc]) as [unknown, { markup: string }]
  expect(ticksOf(markup, 'middle')).toEqual(['0.0001', '0.001', '0.01', '0.1', '1'])
  expect(markup).toMatch(/points="58\.0,194\.0 231\.0,103\.0 404\.0,12\.0"/)
})

test('each recognizer has a colour of its own', () => {
  const series = ['a', 'b', 'c', 'd', 'e'].map(label => ({ label, far: [0, 1], tar: [0, 1] }))
  const [{ markup }] = versionPlots([{ ...roc, plot: { kind: 'roc', title: 'ROC', series } }]) as [{ markup: string }]
  const strokes = [...markup.matchAll(/<polyline fill="none" stroke="(var\(--\w+\))"/g)].map(([, stroke]) => stroke)
  expect(new Set(strokes).size).toBe(series.length)
  for (const stroke of strokes) expect(markup).toContain(`style="background:${stroke}"`)
})
