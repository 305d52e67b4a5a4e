/**
 * The page on which people review a run before they publish its results: every photo before and after, its faces numbered,
 * and what to look at first. It holds no picture: originals and results are shown from where they lie, so that the page
 * alone gives nobody's face away.
 */

import { existsSync } from 'node:fs'
import { extname, join, relative, resolve, sep } from 'node:path'
import { z } from 'zod'
import type { Recipe } from '../config/recipe.ts'
import type { Box } from '../faces/box.ts'
import { coverReasons } from '../faces/judge-face.ts'
import { recognizerNames } from '../faces/recognizers.ts'
import { formatOfExtension } from '../images/format.ts'
import type { PhotoReport } from '../pipeline/photo-report.ts'
import type { OtherEntry } from '../pipeline/survey.ts'
import { writeFileAtomic } from '../util/atomic-write.ts'
import { readRegularText } from '../util/regular-file.ts'
import { Html, html, page } from './html.ts'
import { counted, failedChecks, type PhotoEnd } from './protect-summary.ts'
import { reviewScript, reviewStyle } from './review-style.ts'

/** An entry of what a run was given, and what became of it. */
export interface ReviewEntry {
  readonly task: Recipe['task']
  /** As people know it. */
  readonly name: string
  readonly state: 'done' | 'refused' | 'left out'
  /** Why it was not done. */
  readonly reason?: string
  /** The original's address from the page; undefined where browsers do not show its format. */
  readonly original?: string | undefined
  /** The addresses of its protected versions from the page. */
  readonly versions?: readonly string[]
  readonly report?: PhotoReport
}

export interface Review {
  /** Those of the last run, and of earlier ones whose results are still there. */
  readonly entries: readonly ReviewEntry[]
  /** What the last run said at its end. */
  readonly summary: readonly string[]
}

/** What of an entry people have to look at; empty where there is nothing. */
export function needsLook({ task, state, report }: ReviewEntry): string[] {
  if (state === 'refused') return ['not done']
  if (!report) return []
  const covered = report.faces.filter(face => face.covered).length
  const failed = failedChecks(task, report)
  return [
    ...(report.faces.length === 0 ? ['no face found'] : []),
    ...(failed > 0 ? [`${counted(failed, 'face')} ${task === 'hide' ? 'no longer' : 'still'} recognised`] : []),
    ...(covered > 0 ? [`${counted(covered, 'face')} covered`] : []),
    ...(report.doubtful.length > 0 ? [`${report.doubtful.length} perhaps a face, left as it is`] : []),
  ]
}

/** The page as HTML: one file, which loads pictures from this machine only. */
export function reviewPage({ entries, summary }: Review): string {
  const photos = entries.filter(({ report, state }) => report !== undefined || state === 'refused')
  const others = entries.filter(entry => !photos.includes(entry))
  // What needs a look comes first, each part in the order of the run.
  const urgent = photos.filter(entry => needsLook(entry).length > 0)
  const ordered = [...urgent, ...photos.filter(entry => !urgent.includes(entry))]
  const body = html`<main>
<header>
<h1>Review: ${counted(photos.length, 'photo')}</h1>
<ul class="summary">${summary.map(line => html`<li>${line}</li>`)}</ul>
<p class="note"><b>For you alone.</b> This page holds no picture, but it names the originals and shows them from where they lie. Do not
publish it with the results.</p>
<p class="bar"><label><input type="checkbox" id="filter"> only what needs a look (${urgent.length})</label>
<span class="keys"><kbd>j</kbd> <kbd>k</kbd> or arrows: next, previous · <kbd>f</kbd>: filter · <kbd>o</kbd>: hold to see the original in place of the result</span>
<output id="place" aria-live="polite"></output></p>
</header>
${ordered.map((entry, i) => card(entry, i))}
<p id="nothing" hidden>Nothing needs a look.</p>
${
  others.length > 0 &&
  html`<details><summary>${counted(others.length, 'entry').replace('entrys', 'entries')} left out</summary>
<table><thead><tr><th scope="col">entry</th><th scope="col">reason</th></tr></thead><tbody>${others.map(
    ({ name, reason }) => html`<tr><td>${name}</td><td>${reason}</td></tr>`,
  )}</tbody></table></details>`
}
<footer>White numbers are faces; a dashed frame with a question mark is what may be a face and was left as it is. Look for faces
without a number.</footer>
</main>
${entriesBlock(entries)}`
  return page('Review', reviewStyle, body, reviewScript, "'self' file: data:")
}

/** The entries as data, by which the page of a later run holds those of this one as well. */
function entriesBlock(entries: readonly ReviewEntry[]): Html {
  const json = JSON.stringify(entries).replaceAll('<', '\\u003c')
  return html`<script type="application/json" id="entries">${new Html(json)}</script>`
}

/** An address below the page's folder or beside it: nothing that a page of somebody else's could lead away by. */
const address = z.string().regex(/^(?![a-z][a-z0-9+.-]*:|\/\/)/i)

const box = z.object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })

const entrySchema = z.object({
  task: z.enum(['anonymize', 'hide']),
  name: z.string(),
  state: z.enum(['done', 'refused', 'left out']),
  reason: z.string().optional(),
  original: address.optional(),
  versions: z.array(address).optional(),
  report: z
    .object({
      width: z.number(),
      height: z.number(),
      faces: z.array(
        z.object({
          box,
          score: z.number(),
          covered: z.object({ reason: z.enum(coverReasons), detail: z.string() }).optional(),
          resampled: z.number(),
          checks: z.array(z.object({ similarity: z.number(), accepted: z.boolean() })),
        }),
      ),
      doubtful: z.array(z.object({ box, score: z.number() })),
      smallest: z.number(),
      checkedBy: z.enum(recognizerNames).optional(),
    })
    .optional(),
})

/** The entries of a page; none of what is no such page. */
export function entriesOf(page: string): ReviewEntry[] {
  const json = /<script type="application\/json" id="entries">(.*?)<\/script>/s.exec(page)?.[1]
  try {
    return z.array(entrySchema).parse(JSON.parse(json ?? '[]')) as ReviewEntry[]
  } catch {
    return []
  }
}

function card(entry: ReviewEntry, number: number): Html {
  const { task, name, report, reason, original, versions = [] } = entry
  const verb = task === 'hide' ? 'hidden' : 'anonymized'
  const looks = needsLook(entry)
  return html`<article class="photo" id="photo-${number + 1}" tabindex="-1" data-look="${looks.length > 0 ? 'yes' : 'no'}">
<h2>${name} ${looks.map(look => html`<span class="bad">${look}</span>`)}${looks.length === 0 && html`<span class="good">as meant</span>`}</h2>
${reason !== undefined && html`<p>${reason}</p>`}
${report && photo(report, original, versions, verb)}
${report && html`<p class="small">${report.width} × ${report.height} pixels; searched for faces from ${report.smallest} pixels wide.</p>`}
${report && report.faces.length > 0 && html`<ol class="faces">${report.faces.map((_, i) => faceItem(task, report, i, original, versions))}</ol>`}
</article>
`
}

function photo(report: PhotoReport, original: string | undefined, versions: readonly string[], verb: string): Html {
  const titles = versions.map((_, i) => (versions.length === 1 ? verb : `${verb} ${i + 1}`))
  return html`<div class="pair">
${figure(report, original, 'original')}
${versions.map((address, i) => figure(report, address, titles[i]!, i === 0 ? original : undefined))}
</div>`
}

function figure(report: PhotoReport, address: string | undefined, title: string, under?: string): Html {
  const { width, height, faces, doubtful } = report
  const shown = address
    ? html`<a href="${address}"><img src="${address}" alt="${title}" loading="lazy" decoding="async"></a>`
    : html`<p class="missing">Browsers do not show files of this format: open it in another program.</p>`
  return html`<figure><div class="frame" style="aspect-ratio:${width}/${height}">${shown}${
    under && html`<img class="under" src="${under}" alt="" loading="lazy" decoding="async">`
  }${faces.map((face, i) => mark(report, face.box, face.covered ? 'covered' : 'found', `${i + 1}`))}${doubtful.map(
    ({ box }) => mark(report, box, 'doubtful', '?'),
  )}</div><figcaption>${title}</figcaption></figure>`
}

function mark({ width, height }: PhotoReport, box: Box, kind: 'found' | 'covered' | 'doubtful', label: string): Html {
  const share = (value: number, of: number) => `${((100 * value) / of).toFixed(2)}%`
  const place = `left:${share(box.x, width)};top:${share(box.y, height)};width:${share(box.width, width)};height:${share(box.height, height)}`
  return html`<span class="mark ${kind}" style="${place}"><b>${label}</b></span>`
}

function faceItem(
  task: Recipe['task'],
  report: PhotoReport,
  number: number,
  original: string | undefined,
  versions: readonly string[],
): Html {
  const face = report.faces[number]!
  const bad = failedChecks(task, { faces: [face] }) > 0
  const similarity = face.checks.map(({ similarity }) => similarity.toFixed(2)).join(', ')
  return html`<li><b>${number + 1}</b>
<span class="crops">${[original, ...versions].map(address => address && crop(report, face.box, address))}</span>
<span>${face.covered && html`<span class="bad">covered: ${face.covered.reason}</span> <small>${face.covered.detail}</small>`}
${
  report.checkedBy &&
  !(task === 'hide' && face.covered) &&
  html`<span class="${bad ? 'bad' : 'good'}">${(task === 'hide') === bad ? 'not recognised' : 'recognised'}</span> <small>similarity ${similarity}</small>`
}
${face.resampled > 0 && html`<small>sampled again ${counted(face.resampled, 'time')}</small>`}</span></li>`
}

/** Side of a face's cut-out on the page, and how much of the photo it shows, relative to the face. */
const [cropSide, cropShows] = [112, 1.7]

function crop({ width, height }: PhotoReport, box: Box, address: string): Html {
  const scale = cropSide / (cropShows * Math.max(box.width, box.height))
  const left = cropSide / 2 - (box.x + box.width / 2) * scale
  const top = cropSide / 2 - (box.y + box.height / 2) * scale
  const place = `width:${(width * scale).toFixed(1)}px;height:${(height * scale).toFixed(1)}px;left:${left.toFixed(1)}px;top:${top.toFixed(1)}px`
  return html`<span class="crop"><img src="${address}" alt="" loading="lazy" decoding="async" style="${place}"></span>`
}

// Writes the page on which a run is reviewed, beside its results.

/** Formats that browsers show. */
const shown: ReadonlySet<string | undefined> = new Set(['jpeg', 'png', 'webp', 'gif', 'avif', 'bmp'])

/**
 * Writes the page to `path`, with what the page that is there says of earlier results that are there still. It is readable to its
 * owner alone: it names the originals.
 * @throws UserError when it cannot be written
 */
export async function writeReview(
  path: string,
  task: Recipe['task'],
  photos: readonly PhotoEnd[],
  others: readonly OtherEntry[],
  summary: readonly string[],
): Promise<void> {
  const folder = resolve(path, '..')
  const done: ReviewEntry[] = [
    ...photos.map(({ path, paths, report, refused }): ReviewEntry => {
      const original = shown.has(formatOfExtension(extname(path))) ? addressFrom(folder, path) : undefined
      const versions = paths.map(version => addressFrom(folder, version))
      if (refused !== undefined) return { task, name: path, state: 'refused', reason: refused }
      if (report?.faces.length === 0)
        return {
          task,
          name: path,
          state: 'left out',
          original,
          report,
          reason: 'No face was found: nothing was written.',
        }
      return { task, name: path, state: 'done', original, versions, ...(report && { report }) }
    }),
    ...others.map(
      ({ path, reason, refused }): ReviewEntry => ({
        task,
        name: path,
        state: refused ? 'refused' : 'left out',
        reason,
      }),
    ),
  ]
  const written = new Set(done.flatMap(({ versions = [] }) => versions))
  const earlier = entriesOf(await readRegularText(path).catch(() => '')).filter(
    ({ versions = [] }) =>
      versions.length > 0 &&
      versions.every(version => !written.has(version) && existsSync(join(folder, decodeURIComponent(version)))),
  )
  await writeFileAtomic(path, reviewPage({ entries: [...done, ...earlier], summary }), { mode: 0o600 })
}

/** A file's address from a folder, so that both can be moved together. */
function addressFrom(folder: string, path: string): string {
  return relative(folder, resolve(path)).split(sep).map(encodeURIComponent).join('/')
}
