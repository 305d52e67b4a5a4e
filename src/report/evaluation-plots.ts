/** Histograms of similarities and ROC curves as SVG in the page's colours. */
import type { PlotOf } from '../eval/evaluation.ts'
import type { Histogram, RocPlot } from '../eval/metric.ts'
import { type Html, html } from './html.ts'
import { linearTicks, pageTheme } from './plot.ts'

const size = { width: 420, height: 220 }
const margin = { left: 46, right: 12, top: 10, bottom: 38 }
const bins = 40
/** Colours of the series, as the page's style names them. */
const colours = ['var(--good)', 'var(--accent)', 'var(--bad)']
/** The least false accept rate that a curve shows. */
const leastFar = 1e-4

const [left, right, top, bottom] = [margin.left, size.width - margin.right, margin.top, size.height - margin.bottom]
const place = (share: number, from: number, to: number) => (from + share * (to - from)).toFixed(1)

/** How the scores of each kind of pair are spread, as shares of the kind; the threshold as a line. */
function histogramSvg({ title, series, threshold }: Histogram): Html {
  const scores = series.flatMap(({ scores }) => Array.from(scores))
  const [least, greatest] = scores.reduce(
    ([a, b], score) => [Math.min(a, score), Math.max(b, score)],
    [threshold ?? 1, threshold ?? -1],
  )
  const [low, high] = [least, Math.max(greatest, least + 0.01)]
  const x = (score: number) => place((score - low) / (high - low), left, right)
  const shares = series.map(({ scores }) => sharesOf(scores, low, high))
  const most = Math.max(...shares.flat())
  const y = (share: number) => place(share / most, bottom, top)
  return frame(
    `${title}: cosine similarity of ${series.map(({ label }) => label).join(' and of ')}`,
    html`${linearTicks(low, high).map(tick => tickAt(x(tick), String(tick)))}
${shares.map((heights, s) => {
  const steps = heights.map(
    (share, i) =>
      `${x(low + ((high - low) * i) / bins)},${y(share)} ${x(low + ((high - low) * (i + 1)) / bins)},${y(share)}`,
  )
  return html`<polygon points="${left},${bottom} ${steps.join(' ')} ${right},${bottom}" fill="${colours[s]}" fill-opacity=".35" stroke="${colours[s]}"/>`
})}
${threshold !== undefined && html`<line x1="${x(threshold)}" x2="${x(threshold)}" y1="${top}" y2="${bottom}" stroke="${pageTheme.ink}" stroke-dasharray="4 3"/>`}`,
    'cosine similarity',
    series.map(({ label }) => label),
  )
}

/** True accept rates over false accept rates, these on a logarithmic axis. */
function rocSvg(title: string, series: RocPlot['series']): Html {
  const x = (far: number) => place(1 - Math.log10(Math.max(far, leastFar)) / Math.log10(leastFar), left, right)
  const y = (tar: number) => place(tar, bottom, top)
  return frame(
    title,
    html`${[1e-4, 1e-3, 1e-2, 1e-1, 1].map(far => tickAt(x(far), String(far)))}
${[0, 0.5, 1].map(tar => html`<line x1="${left}" x2="${right}" y1="${y(tar)}" y2="${y(tar)}" stroke="${pageTheme.line}"/><text x="${left - 6}" y="${Number(y(tar)) + 4}" text-anchor="end" fill="${pageTheme.soft}">${tar}</text>`)}
${series.map(({ far, tar }, s) => html`<polyline fill="none" stroke="${colours[s]}" stroke-width="2" points="${Array.from(far, (rate, i) => `${x(rate)},${y(tar[i]!)}`).join(' ')}"/>`)}`,
    'false accept rate',
    series.map(({ label }) => label),
  )
}

/** The plots of one version: a histogram a recognizer, and their ROC curves together. */
export function versionPlots(plots: readonly PlotOf[]): Html[] {
  const histograms = plots.flatMap(({ plot }) => (plot.kind === 'histogram' ? [histogramSvg(plot)] : []))
  const curves = plots.flatMap(({ plot }) => (plot.kind === 'roc' ? [plot] : []))
  const series = curves.flatMap(({ series }) => series)
  return series.length > 0 ? [...histograms, rocSvg(curves[0]!.title, series)] : histograms
}

function frame(title: string, content: Html, label: string, legend: readonly string[]): Html {
  return html`<figure class="plot"><svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${title}" font-size="11"><title>${title}</title>
<line x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}" stroke="${pageTheme.soft}"/>
${content}
<text x="${(left + right) / 2}" y="${size.height - 6}" text-anchor="middle" fill="${pageTheme.soft}">${label}</text></svg>
<figcaption>${title}<br>${legend.map((name, s) => html`<span class="key"><i style="background:${colours[s]}"></i>${name}</span> `)}</figcaption></figure>
`
}

function tickAt(x: string, text: string): Html {
  return html`<line x1="${x}" x2="${x}" y1="${bottom}" y2="${bottom + 4}" stroke="${pageTheme.soft}"/><text x="${x}" y="${bottom + 16}" text-anchor="middle" fill="${pageTheme.soft}">${text}</text>`
}

function sharesOf(scores: ArrayLike<number>, low: number, high: number): number[] {
  const counts = new Array<number>(bins).fill(0)
  for (let i = 0; i < scores.length; i++)
    counts[Math.min(bins - 1, Math.floor(((scores[i]! - low) / (high - low)) * bins))]!++
  return counts.map(count => count / scores.length)
}
