/** Writes what a sweep found: the page, the table as CSV and Markdown, the plots as SVG and PNG. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { stringify } from 'yaml'
import type { SweepConfig } from '../config/sweep.ts'
import { readImage } from '../images/codec.ts'
import { readRuns } from '../pipeline/run-record.ts'
import { faceFile, type KeptFace, pointFolder } from '../sweep/folder.ts'
import type { SweepPoint } from '../sweep/run.ts'
import { recipeOf } from '../sweep/space.ts'
import { makeFolder, writeFileAtomic } from '../util/atomic-write.ts'
import { joinUntrusted } from '../util/safe-path.ts'
import { dataUri } from './html.ts'
import { fileTheme, type Plot, type PlotSize, plotSvg } from './plot.ts'
import { type FaceGrid, privacyOf, sweepReport } from './sweep-report.ts'
import {
  axisPlots,
  frontPlot,
  plotSizes,
  type SweepRow,
  type SweepTable,
  sweepCsv,
  sweepMarkdown,
  sweepTable,
} from './sweep-table.ts'

/** Faces of each group, and points of the front beside each face, evenly along it. */
const shown = { faces: 4, points: 5 }

/**
 * Writes report.html, report.md, points.csv and plots/ into the sweep's folder.
 * @param points of which at least one is done
 * @returns the paths of the first three
 */
export async function writeReport(config: SweepConfig, points: readonly SweepPoint[], out: string): Promise<string[]> {
  const table = sweepTable(config, points)
  const provenance = await provenanceOf(out, table)
  const recipes: string[] = []
  for (const { settings } of table.front) recipes.push(stringify(await recipeOf(config, settings)))
  const html = sweepReport({ config, table, grid: await faceGrid(out, table), recipes, provenance })
  await makeFolder(join(out, 'plots'))
  await writePlot(join(out, 'plots', 'front'), frontPlot(config, table), plotSizes.large)
  for (const axis of table.axes)
    for (const { name, plot } of axisPlots(config, table, axis))
      await writePlot(join(out, 'plots', name.replace(/[^\w.-]+/g, '_')), plot, plotSizes.small)
  const files = {
    'report.html': html,
    'report.md': sweepMarkdown(config, table, provenance),
    'points.csv': sweepCsv(table),
  }
  for (const [name, contents] of Object.entries(files)) await writeFileAtomic(join(out, name), contents)
  return Object.keys(files).map(name => join(out, name))
}

/** What the points were computed with, of one of them; others may have run on other machines. */
async function provenanceOf(out: string, { rows }: SweepTable): Promise<string> {
  const records = (await Promise.all(rows.map(row => readRuns(pointFolder(out, row))))).flat()
  const all = (of: (record: (typeof records)[number]) => string) => [...new Set(records.map(of))].join(' and ')
  const models = all(({ weights }) => {
    const [name, sum] = Object.entries(weights)[0]!
    return `${name} (weights ${sum.slice(0, 12)})`
  })
  return `Model ${models}, backend ${all(({ software: { backend } }) => backend)}, version ${all(({ software: { version, commit } }) => (commit ? `${version} at ${commit}` : version))}.`
}

/** The faces that the front protects best and worst on average, as some points along it made them. */
async function faceGrid(out: string, { front, privacy }: SweepTable): Promise<FaceGrid> {
  const columns = evenly(front, shown.points)
  const ids = front[0]!.faces.map(({ id }) => id)
  const average = (id: string) => front.reduce((sum, row) => sum + privacyOf(row, id, privacy.name), 0) / front.length
  const sign = privacy.better === 'lower' ? 1 : -1
  const ranked = ids.map(id => ({ id, average: sign * average(id) })).sort((a, b) => a.average - b.average)
  // Of few faces each is in one group alone.
  const best = ranked.slice(0, Math.min(shown.faces, Math.ceil(ranked.length / 2)))
  const worst = ranked.slice(best.length).slice(-shown.faces).reverse()
  const faces: FaceGrid['faces'][number][] = []
  for (const [group, members] of Object.entries({ best, worst } as const))
    for (const { id } of members)
      faces.push({
        id,
        group: group as 'best' | 'worst',
        original: await picture(join(out, 'originals', faceFile(id))),
        versions: await Promise.all(
          columns.map(async row => ({
            uri: await picture(
              versionOf(
                pointFolder(out, row),
                row.faces.find(face => face.id === id),
              ),
            ),
            score: privacyOf(row, id, privacy.name),
          })),
        ),
      })
  return { columns: columns.map(({ number }) => number), faces }
}

function evenly(rows: readonly SweepRow[], most: number): SweepRow[] {
  if (rows.length <= most) return [...rows]
  return Array.from({ length: most }, (_, i) => rows[Math.round((i * (rows.length - 1)) / (most - 1))]!)
}

/** The first picture of a face, where its point has one. */
function versionOf(folder: string, face: KeptFace | undefined): string | undefined {
  const [name] = face?.pictures ?? []
  return name === undefined ? undefined : joinUntrusted(folder, name, join(folder, 'metrics.json'))
}

async function picture(path: string | undefined): Promise<string> {
  return path !== undefined && existsSync(path) ? dataUri(await readImage(path), 256) : ''
}

/** PATH.svg and, at twice its size, PATH.png. */
async function writePlot(path: string, plot: Plot, size: PlotSize): Promise<void> {
  const { markup } = plotSvg(plot, size, fileTheme)
  await writeFileAtomic(`${path}.svg`, markup)
  const png = await sharp(Buffer.from(markup), { density: 144 })
    .flatten({ background: fileTheme.paper })
    .png()
    .toBuffer()
  await writeFileAtomic(`${path}.png`, png)
}
