import { expect, test } from 'vitest'
import { fileTheme, type PlotPoint, plotSvg } from '../../src/report/plot.ts'

const axis = (label: string) => ({ label })
const draw = (points: readonly PlotPoint[]) =>
  plotSvg({ title: 'a plot', x: axis('x'), y: axis('y'), points }, { width: 400, height: 300 }, fileTheme).markup
const labelsOf = (svg: string) =>
  [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)"[^>]*paint-order="stroke">([^<]*)</g)].map(([, x, y, text]) => ({
    x: Number(x),
    y: Number(y),
    text,
  }))

test('labels of points that lie close together stand clear of each other', () => {
  const point = (label: string, x: number, y: number) => ({ label, title: label, x, y })
  const far = labelsOf(draw([point('far', 0, 0), point('away', 1, 1)]))
  expect(far.map(({ text }) => text)).toEqual(['far', 'away'])
  const near = ['15', '18', '21'].map((label, i) => point(label, 0.5 + i / 200, 0.5))
  const labels = labelsOf(draw([...near, point('a', 0, 0), point('b', 1, 1)])).slice(0, 3)
  for (const [i, a] of labels.entries())
    for (const b of labels.slice(i + 1)) expect(Math.abs(a.x - b.x) >= 13 || Math.abs(a.y - b.y) >= 11).toBe(true)
})
