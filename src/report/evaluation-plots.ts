/** Histograms of similarities and ROC curves as SVG in the page's colours. */
import type { PlotOf } from '../eval/evaluation.ts'
import type { Histogram, RocPlot } from '../eval/metric.ts'
import { type Html, html } from './html.ts'
import { type Frame, framedSvg, type Places, pageTheme } from './plot.ts'

const size = { width: 420, height: 240 }
const bins = 40
/** Colours of the series, as the page's style names them: as many as there are recognizers; more begin again. */
const colours = ['var(--good)', 'var(--accent)', 'var(--bad)', 'var(--ink)', 'var(--soft)']
const colourOf = (series: number): string => colours[series % colours.length]!
/** The least false accept rate that a curve shows. */
const leastFar = 1e-4

/** How the scores of each kind of pair are spread, as shares of the kind; the threshold as a line. */
function histogram({ title, series, threshold }: Histogram): Html {
  const scores = series.flatMap(({ scores }) => Array.from(scores))
  const [least, greatest] = scores.reduce(
    ([a, b], score) => [Math.min(a, score), Math.max(b, score)],
    [threshold ?? 1, threshold ?? -1],
  )
  const [low, high] = [least, Math.max(greatest, least + 0.01)]
  const shares = series.map(({ scores }) => sharesOf(scores, low, high))
  const edge = (bin: number) => low + ((high - low) * bin) / bins
  const labels = series.map(({ label }) => label)
  const frame: Frame = {
    title: `${title}: cosine similarity of ${labels.join(' and of ')}`,
    x: { label: 'cosine similarity', tight: true, values: [low, high] },
    y: { label: 'share of the pairs', tight: true, values: [0, ...shares.flat()] },
  }
  return figure(
    frame,
    at => html`${shares.map((heights, s) => {
      const steps = heights.map((share, i) => `${at.x(edge(i))},${at.y(share)} ${at.x(edge(i + 1))},${at.y(share)}`)
      return html`<polygon points="${at.x(low)},${at.y(0)} ${steps.join(' ')} ${at.x(high)},${at.y(0)}" fill="${colourOf(s)}" fill-opacity=".35" stroke="${colourOf(s)}"/>`
    })}
${threshold !== undefined && html`<line x1="${at.x(threshold)}" x2="${at.x(threshold)}" y1="${at.y(0)}" y2="${at.y(Math.max(...shares.flat()))}" stroke="${pageTheme.ink}" stroke-dasharray="4 3"/>`}`,
    labels,
  )
}

/** True accept rates over false accept rates, these on a logarithmic axis. */
function roc(title: string, series: RocPlot['series']): Html {
  const frame: Frame = {
    title,
    x: { label: 'false accept rate', scale: 'log', tight: true, values: [leastFar, 1] },
    y: { label: 'true accept rate', tight: true, values: [0, 1] },
  }
  return figure(
    frame,
    at =>
      html`${series.map(({ far, tar }, s) => {
        const points = Array.from(far, (rate, i) => `${at.x(Math.max(rate, leastFar))},${at.y(tar[i]!)}`)
        return html`<polyline fill="none" stroke="${colourOf(s)}" stroke-width="2" points="${points.join(' ')}"/>`
      })}`,
    series.map(({ label }) => label),
  )
}

/** The plots of one version: a histogram a recognizer, and their ROC curves together. */
export function versionPlots(plots: readonly PlotOf[]): Html[] {
  const histograms = plots.flatMap(({ plot }) => (plot.kind === 'histogram' ? [histogram(plot)] : []))
  const curves = plots.flatMap(({ plot }) => (plot.kind === 'roc' ? [plot] : []))
  const series = curves.flatMap(({ series }) => series)
  return series.length > 0 ? [...histograms, roc(curves[0]!.title, series)] : histograms
}

function figure(frame: Frame, draw: (places: Places) => Html, legend: readonly string[]): Html {
  return html`<figure class="plot">${framedSvg(frame, size, pageTheme, draw)}
<figcaption>${frame.title}<br>${legend.map((name, s) => html`<span class="key"><i style="background:${colourOf(s)}"></i>${name}</span> `)}</figcaption></figure>
`
}

function sharesOf(scores: ArrayLike<number>, low: number, high: number): number[] {
  const counts = new Array<number>(bins).fill(0)
  for (let i = 0; i < scores.length; i++)
    counts[Math.min(bins - 1, Math.floor(((scores[i]! - low) / (high - low)) * bins))]!++
  return counts.map(count => count / scores.length)
}
