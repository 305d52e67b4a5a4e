/** The report of a sweep as a page: what privacy costs, what each axis does, the faces, and the settings to copy. */
import type { SweepConfig } from '../config/sweep.ts'
import { measureMeanings } from '../sweep/measure.ts'
import { type Html, html, page, style } from './html.ts'
import { type Plot, type PlotSize, pageTheme, plotSvg } from './plot.ts'
import {
  axisPlots,
  frontPlot,
  measured,
  plotSizes,
  type SweepRow,
  type SweepTable,
  shownMeasure,
} from './sweep-table.ts'

/** One face of the grid: its original and what points of the front made of it, as data: URIs. */
export interface ShownFace {
  readonly id: string
  /** 'best' or 'worst' protected. */
  readonly group: 'best' | 'worst'
  readonly original: string
  /** A picture and its privacy for each of `columns`. */
  readonly versions: readonly { readonly uri: string; readonly score: number }[]
}

export interface FaceGrid {
  /** Points by number. */
  readonly columns: readonly number[]
  readonly faces: readonly ShownFace[]
}

export interface SweepReportParts {
  readonly config: SweepConfig
  readonly table: SweepTable
  readonly grid: FaceGrid
  /** The whole recipe of each point of the front as YAML. */
  readonly recipes: readonly string[]
  /** One line: model, backend, version, date. */
  readonly provenance: string
}

const more = `
.plot { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .6rem; }
.plot svg { display: block; width: 100%; height: auto; }
@media (min-width: 641px) { .narrow { display: none; } }
@media (max-width: 640px) { .wide { display: none; } }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 1rem; margin: .75rem 0; }
.group-name { margin-top: 1.4rem; }
.faces { overflow-x: auto; padding: 4px; margin: -4px; }
.faces .strip { min-width: calc(var(--columns) * 84px); grid-template-columns: repeat(var(--columns), minmax(0, 140px)); margin-bottom: .9rem; }
details { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .5rem 1rem; margin: 0 0 .6rem; }
summary { cursor: pointer; }
pre { overflow-x: auto; user-select: all; font-size: .85rem; line-height: 1.4; }
`

/** The report as a page of HTML that needs nothing beside it. */
export function sweepReport({ config, table, grid, recipes, provenance }: SweepReportParts): string {
  const { privacy, utility, rows, front, count, failed, smaller, unmeasured } = table
  const asides = [
    failed > 0 && `Left out because they failed: ${failed}.`,
    smaller > 0 && `Left out because they were measured on fewer faces, in earlier rounds: ${smaller}.`,
    unmeasured > 0 && `Left out because they have no number of ${privacy.name} or ${utility.name}: ${unmeasured}.`,
  ].filter(Boolean)
  const body = html`<main>
<header>
<h1>${config.title}</h1>
<p class="lead">Each point is one setting of <b>${config.task}</b>, measured on the same faces. Privacy is <b>${privacy.name}</b>
(${privacy.better} is better), utility is <b>${utility.name}</b> (${utility.better} is better).</p>
<p class="facts"><span><b>${rows.length}</b> points</span><span><b>${count}</b> faces each</span><span><b>${front.length}</b> on the front</span><span><b>${table.axes.length}</b> axes</span></p>
${asides.length > 0 && html`<p class="note">${asides.join(' ')}</p>`}
</header>
<section><h2>What privacy costs</h2>
<p>Up is more useful, right is more private. No other point is as good in both and better in one than a point on the line, the
Pareto front, whose bars are 95 % intervals: a point within the bars of another may be as good. Point at one for its settings.</p>
${figure(frontPlot(config, table), plotSizes.large, 'wide')}${figure(frontPlot(config, table), plotSizes.small, 'narrow')}
</section>
<section><h2>Settings to copy</h2>
<p>The points of the front, from the most private to the most useful. Save one as a file and run
<code>diff-privacy ${config.task} PHOTO --config FILE</code>.</p>
${front.map((row, i) => settings(row, table, recipes[i]!, i === 0))}
</section>
<section><h2>What each axis does</h2>
<p>Every point, and the line through the means of the points at each value.</p>
${table.axes.map(
  axis =>
    html`<h3 class="group-name">${axis}</h3><div class="plots">${axisPlots(config, table, axis).map(({ plot }) => figure(plot, plotSizes.small))}</div>`,
)}
</section>
<section><h2>Faces</h2>
<p>Those that the points of the front protect best and worst on average, by ${privacy.name}, which stands below each.</p>
${(['best', 'worst'] as const).map(group => faceGroup(group, grid))}
</section>
<section><h2>Every point</h2>
${everyPoint(table)}
</section>
<section><h2>What the measures are</h2>
<dl class="legend">${measureMeanings.map(([name, meaning]) => html`<div><dt>${name}</dt><dd>${meaning}</dd></div>`)}</dl>
</section>
<footer>${provenance} The same numbers are in <code>points.csv</code> and <code>report.md</code>, the plots in <code>plots/</code>, each
point's pictures and record in <code>points/</code>.</footer>
</main>`
  return page(config.title, style + more, body)
}

/** @param on which screens alone it is shown: words in a plot made for a wide one are too small on a narrow one */
function figure(plot: Plot, size: PlotSize, on = ''): Html {
  return html`<figure class="plot ${on}">${plotSvg(plot, size, pageTheme)}</figure>`
}

function settings({ number, settings, measures }: SweepRow, table: SweepTable, recipe: string, open: boolean): Html {
  const chosen = table.axes.map(axis => `${axis} ${settings[axis]}`).join(', ')
  const values = [table.privacy, table.utility].map(({ name }) => `${name} ${shownMeasure(measures.get(name))}`)
  return html`<details ${open && html`open`}><summary><b>Point ${number}</b>: ${chosen} <small>${values.join(', ')}</small></summary><pre><code>${recipe}</code></pre></details>
`
}

function faceGroup(group: ShownFace['group'], { columns, faces }: FaceGrid): Html {
  const shown = faces.filter(face => face.group === group)
  if (shown.length === 0) return html``
  return html`<h3 class="group-name">${group === 'best' ? 'Protected best' : 'Protected worst'}</h3>
<div class="faces" tabindex="0" role="region" aria-label="faces protected ${group}">
${shown.map(
  ({ id, original, versions }) => html`<div class="strip" style="--columns:${columns.length + 1}">
<figure class="original"><img src="${original}" width="128" height="128" alt="${id}, original"><figcaption>original</figcaption></figure>
${versions.map(
  ({ uri, score }, i) =>
    html`<figure><img src="${uri}" width="128" height="128" alt="${id}, point ${columns[i]}"><figcaption>point ${columns[i]}<br>${score.toFixed(3)}</figcaption></figure>`,
)}
</div>
`,
)}
</div>`
}

const boxes = { guide: 'white box', judge: 'black box', none: '' }

function roleOf(rows: readonly SweepRow[], name: string): 'guide' | 'judge' | undefined {
  return rows[0]!.measures.get(name)?.role
}

function everyPoint({ axes, columns, rows, privacy, utility }: SweepTable): Html {
  const aims = new Map([privacy, utility].map(({ name, better }) => [name, better]))
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Every point"><table>
<caption>Means with 95 % intervals</caption>
<thead><tr><th scope="col">Point</th>${axes.map(axis => html`<th scope="col">${axis}</th>`)}${columns.map(
    name =>
      html`<th scope="col" class="edge">${name}<small>${[aims.has(name) && `${aims.get(name)} is better`, boxes[roleOf(rows, name) ?? 'none']].filter(Boolean).join(', ')}</small></th>`,
  )}</tr></thead>
<tbody>${rows.map(
    ({ number, settings, measures, front }) =>
      html`<tr><th scope="row">${number} ${front && html`<span class="good">front</span>`}</th>${axes.map(axis => html`<td>${String(settings[axis])}</td>`)}${columns.map(name => html`<td class="edge">${shownMeasure(measures.get(name))}</td>`)}</tr>
`,
  )}</tbody></table></div>`
}

/** The average of a row's privacy over one face's versions. */
export function privacyOf(row: SweepRow, id: string, measure: string): number {
  const scores = row.faces.find(face => face.id === id)?.scores[measure] ?? []
  return scores.length > 0 ? scores.reduce((sum, score) => sum + score, 0) / scores.length : measured(row, measure)
}
