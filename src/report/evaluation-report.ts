/** The report of an evaluation: a page that needs nothing beside it, every number one click from what it means. */

import { join } from 'node:path'
import type { Evaluation, PlotOf, Row } from '../eval/evaluation.ts'
import type { Histogram, RocPlot } from '../eval/metric.ts'
import type { Ranked } from '../eval/per-picture.ts'
import type { EvaluationProvenance } from '../eval/provenance.ts'
import { markdown, type Table, tables, titleOf } from '../eval/table.ts'
import { readImage } from '../images/codec.ts'
import { makeFolder, writeFileAtomic, writeJsonAtomic } from '../util/atomic-write.ts'
import { dataUri, type Html, html, page, style } from './html.ts'
import { type Frame, framedSvg, type Places, pageTheme } from './plot.ts'

// Histograms of similarities and ROC curves as SVG in the page's colours.

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

/** Faces of each end of the grid, and their width in pixels. */
const shown = { faces: 5, width: 96 }

const more = `
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); gap: 1rem; }
.plot svg { width: 100%; height: auto; } .plot figcaption { text-align: left; }
.key { white-space: nowrap; margin-right: .8rem; } .key i { display: inline-block; width: .7em; height: .7em; margin-right: .3em; border-radius: 2px; }
td a, th a { color: inherit; text-decoration-color: var(--line); text-underline-offset: .2em; }
thead th { white-space: normal; min-width: 5.5rem; } td small { display: block; } details { margin: 0 0 .6rem; } summary { cursor: pointer; font-weight: 600; padding: .3rem 0; }
.grid { display: flex; flex-wrap: wrap; gap: .7rem; margin: .5rem 0 1rem; } .grid figure { width: 200px; } .grid div { display: flex; gap: 4px; }
.grid img { width: 98px; } .grid figcaption { text-align: left; overflow-wrap: anywhere; }
.definitions dt { font-weight: 600; margin-top: 1rem; } .definitions dd { margin: 0; max-width: 75ch; color: var(--soft); }
.definitions div:target { outline: 2px solid var(--accent); outline-offset: 6px; border-radius: 4px; }
`

export async function evaluationReport(
  evaluations: readonly Evaluation[],
  from: EvaluationProvenance,
): Promise<string> {
  const definitions = new Map(evaluations.flatMap(({ definitions }) => definitions.map(d => [d.id, d] as const)))
  const notes = [...new Set(evaluations.flatMap(({ notes }) => notes))]
  const [first] = evaluations
  const body = html`<main>
<header>
<h1>${from.title}</h1>
<p class="facts"><span><b>${first!.pictures}</b> pictures of <b>${first!.people}</b> people</span><span>backend <b>${from.backend}</b></span><span>${from.date}</span><span>${from.machine}</span></p>
<p>Originals: <code>${from.originals}</code>. Each number leads to its definition; intervals in brackets are <a href="#d-interval">95 %</a>. Point at a number for how many cases it is of.</p>
${notes.length > 0 && html`<details class="note"><summary>${notes.length === 1 ? 'One note' : `${notes.length} notes`}</summary><ul>${notes.map(note => html`<li>${note}</li>`)}</ul></details>`}
</header>
${tables(evaluations).map(tableSection)}
${
  evaluations.some(({ plots }) => plots.length > 0) &&
  html`<section><h2>Distributions and curves</h2>
<p>Pairs of one person: an original and its version. Pairs of two people: an original and the version of another. The dashed line is the threshold.</p>
${evaluations.flatMap(({ method, versions, plots }) =>
  versions.map(({ name }) => {
    const own = versionPlots(plots.filter(({ version }) => version === name))
    return (
      own.length > 0 &&
      html`<details${method === first!.method && name === versions[0]!.name ? html` open` : ''}><summary>${titleOf(method, name)}</summary><div class="plots">${own}</div></details>
`
    )
  }),
)}
</section>`
}
${
  evaluations.some(({ ranked }) => ranked.length > 0) &&
  html`<section><h2>Faces</h2>
<p>Of each version the most and the least alike to their originals by the mean cosine similarity of the judges; the original is on the left.</p>
${await Promise.all(evaluations.flatMap(({ method, ranked }) => ranked.map(each => faceGrid(titleOf(method, each.version), each))))}
</section>`
}
<section><h2>What the numbers mean</h2>
<dl class="definitions">${[...definitions.values()].map(
    ({
      id,
      name,
      unit,
      text,
      source,
    }) => html`<div id="d-${id}"><dt>${name} <small>${unit}</small></dt><dd>${text} <small>${source}</small></dd></div>
`,
  )}</dl></section>
<footer>Made by <code>${from.command}</code>. Every number with its N, interval, threshold and recognizer is in <code>metrics.json</code>.</footer>
</main>`
  return page(from.title, style + more, body)
}

function tableSection({ title, about, columns, rows }: Table): Html {
  const definitionOf = (column: number) => rows.flatMap(({ cells }) => cells[column]?.definition ?? [])[0]
  return html`<section><h2>${title}</h2>
${about !== undefined && html`<p>${about}</p>`}
<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr><th></th><th scope="col">N</th>${columns.map((head, i) => html`<th scope="col"><a href="#d-${definitionOf(i)}">${head}</a></th>`)}</tr></thead>
<tbody>${rows.map(lineOf)}</tbody></table></div></section>
`
}

function lineOf({ name, n, cells, texts }: Table['rows'][number]): Html {
  return html`<tr><th scope="row">${name}</th><td>${n}</td>${cells.map((cell, i) => html`<td>${cell && cellOf(cell, texts[i]!)}</td>`)}</tr>
`
}

/** A number, its interval below it, and how many cases it is of where it is pointed at. */
function cellOf({ definition, n, of }: Row, text: string): Html {
  const [number, interval] = text.split(/ (?=\()/)
  return html`<a href="#d-${definition}" title="N = ${n}${of !== undefined && `, ${of}`}">${number}</a>${interval !== undefined && html`<small>${interval}</small>`}`
}

async function faceGrid(title: string, { faces }: Ranked): Promise<Html> {
  const few = faces.length <= 2 * shown.faces
  const figures = async (some: Ranked['faces']) =>
    Promise.all(
      some.map(async ({ name, original, picture, similarity }) => {
        const [a, b] = await Promise.all(
          [original, picture].map(async path => dataUri(await readImage(path), shown.width)),
        )
        return html`<figure><div><img src="${a}" alt="${name}, original"><img src="${b}" alt="${name}, ${title}"></div><figcaption>${similarity.toFixed(3)} <small>${name}</small></figcaption></figure>`
      }),
    )
  const groups = few
    ? [html`<div class="grid">${await figures(faces)}</div>`]
    : [
        html`<h3>Most alike</h3><div class="grid">${await figures(faces.slice(0, shown.faces))}</div>`,
        html`<h3>Least alike</h3><div class="grid">${await figures(faces.slice(-shown.faces))}</div>`,
      ]
  return html`<details><summary>${title}</summary>${groups}</details>
`
}

// What an evaluation leaves behind: metrics.json, table.md, report.html.

/**
 * Writes the three files into a folder.
 * @returns the Markdown
 */
export async function writeEvaluation(
  evaluations: readonly Evaluation[],
  from: EvaluationProvenance,
  folder: string,
): Promise<string> {
  await makeFolder(folder)
  const { title, ...about } = from
  const definitions = new Map(evaluations.flatMap(({ definitions }) => definitions.map(d => [d.id, d] as const)))
  await writeJsonAtomic(join(folder, 'metrics.json'), {
    ...about,
    methods: evaluations.map(({ method, versions, pictures, people, guides, made, measuring }) => ({
      method,
      versions,
      pictures,
      people,
      guides,
      made,
      measuring,
    })),
    notes: [...new Set(evaluations.flatMap(({ notes }) => notes))],
    definitions: Object.fromEntries(definitions),
    values: evaluations.flatMap(({ values }) => values),
  })
  const table = markdown(evaluations, { title, ...about })
  await writeFileAtomic(join(folder, 'table.md'), table)
  await writeFileAtomic(join(folder, 'report.html'), await evaluationReport(evaluations, from))
  return table
}
