/** The report of the demonstration: what was measured, and the page that shows it. */
import type { Recipe } from '../config/recipe.ts'
import type { Thresholds } from '../eval/thresholds.ts'
import type { Box } from '../faces/box.ts'
import type { RecognizerName } from '../faces/recognizers.ts'
import { type Content, type Html, html, page } from './html.ts'
import { style } from './style.ts'

export type VersionKind = 'anonymized' | 'hidden' | 'recovered' | 'wrongKey'

/** One version of a face, against the original. */
export interface MeasuredVersion {
  readonly kind: VersionKind
  /** What it is called: 'anonymized 2'. */
  readonly title: string
  /** Cosines under each recognizer, cut out of the resulting photo where the original was. */
  readonly similarity: Readonly<Record<RecognizerName, number>>
  /** Whether the detector still finds a face there. */
  readonly detected: boolean
  /** Of what a key regenerates, in decibels over the whole aligned face. */
  readonly psnr?: number
}

export interface MeasuredFace {
  readonly photo: string
  /** Its number in the photo, from 0. */
  readonly face: number
  readonly box: Box
  /** Seconds of each part of the work. */
  readonly seconds: Readonly<Record<string, number>>
  readonly versions: readonly MeasuredVersion[]
}

/** What metrics.json holds. */
export interface DemoMetrics {
  readonly model: { readonly name: string; readonly sha256: string }
  readonly backend: string
  /** Processes that worked side by side. */
  readonly jobs: number
  readonly recipes: { readonly anonymize: Recipe; readonly hide: Recipe }
  readonly thresholds: Thresholds
  /** Faces meant to be done; more than there are in a report that is not finished. */
  readonly planned: number
  /** Seconds from the start of the program until the first anonymized face was on disk with its key. */
  readonly firstProtected: number
  readonly faces: readonly MeasuredFace[]
}

/** A photo in all its versions, the original first. */
export interface ShownPhoto {
  readonly name: string
  readonly width: number
  readonly height: number
  readonly faces: readonly { readonly face: number; readonly box: Box }[]
  readonly pictures: readonly { readonly title: string; readonly uri: string }[]
}

/** Pictures as data: URIs. */
export interface DemoPictures {
  /** For each face of the metrics the original and then its versions. */
  readonly faces: readonly (readonly string[])[]
  readonly photos: readonly ShownPhoto[]
}

/** What a version is for: whether recognizers are to take it for the person. */
const purposes: Readonly<Record<VersionKind, { plural: string; accepted: boolean; means: string }>> = {
  anonymized: { plural: 'Anonymized', accepted: false, means: 'machines must not recognise it' },
  hidden: { plural: 'Hidden', accepted: true, means: 'people must not recognise it, machines must' },
  recovered: { plural: 'Recovered', accepted: true, means: 'regenerated from its key' },
  wrongKey: { plural: 'Wrong key', accepted: false, means: 'regenerated from a random key' },
}

/** The recognizer that guided, a white box, and those that had no part in making the pictures. */
interface Roles {
  readonly guide: RecognizerName
  readonly judges: readonly RecognizerName[]
}

function rolesOf({ thresholds, recipes }: Pick<DemoMetrics, 'thresholds' | 'recipes'>): Roles {
  // The command refuses others.
  const guide = recipes.anonymize.guide as RecognizerName
  return { guide, judges: (Object.keys(thresholds) as RecognizerName[]).filter(name => name !== guide) }
}

/** The report as a page of HTML that needs nothing beside it. */
export function demoReport(metrics: DemoMetrics, pictures: DemoPictures): string {
  const { faces, planned } = metrics
  const body = html`<main>
<header>
<h1>Diff-Privacy, demonstrated</h1>
<p class="lead">Faces of sample photos, each protected in two ways by a diffusion model. <b>Anonymized</b>, it is another
person to machines and still a face. <b>Hidden</b>, it is another person to people, and still the same to machines. Both
can be undone: with the face's key the original is <b>recovered</b>, with a <b>wrong key</b> it is not.</p>
<p class="facts">${facts(metrics).map(([name, value]) => html`<span><b>${value}</b> ${name}</span>`)}</p>
${faces.length < planned && html`<p class="note" role="status">${faces.length} of ${planned} faces are done: this page grows with each. Load it again for more.</p>`}
</header>
<section><h2>Each face</h2>
<p>The faces as they are in the resulting photos. The anonymized ones are to be unlike each other, too.</p>
${faces.map((face, i) => faceRow(face, i, pictures.faces[i]!))}
</section>
<section><h2>What recognizers make of them</h2>
${summaryTable(metrics)}
${legend(metrics)}
</section>
<section><h2>The photos</h2>
<p>Pixels outside of the marked faces are those of the original, but for the JPEG they are stored in.</p>
${pictures.photos.map(photo => photoFigures(photo, faces))}
</section>
<section><h2>Every number</h2>
${detailTable(metrics)}
</section>
<footer>Made by <code>diff-privacy demo</code> with model ${metrics.model.name}
(weights ${metrics.model.sha256.slice(0, 12)}), seed ${metrics.recipes.anonymize.seed}.
The same numbers are in <code>metrics.json</code>; the protected photos and their keys lie beside this page.</footer>
</main>`
  return page('Diff-Privacy, demonstrated', style, body)
}

function facts({ faces, backend, jobs, firstProtected, recipes }: DemoMetrics): [string, string][] {
  const total = faces.reduce((sum, face) => sum + secondsOf(face), 0)
  const photos = new Set(faces.map(({ photo }) => photo)).size
  return [
    [`face${faces.length === 1 ? '' : 's'} of ${photos} photo${photos === 1 ? '' : 's'}`, `${faces.length}`],
    ['of work a face', `${(total / faces.length).toFixed(0)} s`],
    ['to the first', `${firstProtected.toFixed(0)} s`],
    [`process${jobs === 1 ? '' : 'es'} on ${backend}`, `${jobs}`],
    ['steps', `${recipes.anonymize.steps} DDIM`],
  ]
}

function faceRow({ photo, face, versions }: MeasuredFace, number: number, uris: readonly string[]): Html {
  const titles = ['original', ...versions.map(({ title }) => title)]
  return html`<article class="face">
<h3>Face ${number + 1} <small>${photo}, the ${ordinal(face + 1)} from the left</small></h3>
<div class="strip" style="--columns:${titles.length}">
${titles.map(
  (title, i) =>
    html`<figure class="${i === 0 ? 'original' : versions[i - 1]!.kind}"><img src="${uris[i]}" width="256" height="256" alt="face ${number + 1}, ${title}"><figcaption>${title}</figcaption></figure>`,
)}
</div>
</article>
`
}

function photoFigures({ name, width, height, faces, pictures }: ShownPhoto, all: readonly MeasuredFace[]): Html {
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(2)}%`
  const marks = faces.map(({ face, box }) => {
    const number = all.findIndex(done => done.photo === name && done.face === face) + 1
    const place = `left:${percent(box.x, width)};top:${percent(box.y, height)};width:${percent(box.width, width)};height:${percent(box.height, height)}`
    return html`<span class="mark" style="${place}"><b>${number}</b></span>`
  })
  return html`<article class="photo"><h3>${name}</h3><div class="photos">
${pictures.map(
  ({ title, uri }) =>
    html`<figure><div class="frame"><img src="${uri}" width="${width}" height="${height}" alt="${name}, ${title}">${marks}</div><figcaption>${title}</figcaption></figure>
`,
)}
</div></article>
`
}

/** Means over all faces, one row for each kind of version. */
function summaryTable({ faces, thresholds, recipes }: DemoMetrics): Html {
  const roles = rolesOf({ thresholds, recipes })
  const kinds = Object.keys(purposes) as VersionKind[]
  const rows = kinds.map(kind => {
    const versions = faces.flatMap(face => face.versions.filter(version => version.kind === kind))
    const { plural, means, accepted } = purposes[kind]
    const cell = (name: RecognizerName) => {
      const values = versions.map(({ similarity }) => similarity[name])
      const count = values.filter(value => value > thresholds[name].threshold).length
      const good = accepted ? count === values.length : count === 0
      return html`<td class="${edge(name, roles)}">${mean(values).toFixed(3)} <span class="${good ? 'good' : 'bad'}">${count} of ${values.length}</span></td>`
    }
    const decibels = versions.flatMap(({ psnr }) => psnr ?? [])
    const found = versions.filter(({ detected }) => detected).length
    return html`<tr><th scope="row">${plural}<small>${means}</small></th><td>${accepted ? 'accept' : 'reject'}</td>
${cell(roles.guide)}${roles.judges.map(cell)}
<td class="edge">${found} of ${versions.length} <small>${((100 * found) / versions.length).toFixed(0)} %</small></td><td>${decibels.length > 0 ? `${mean(decibels).toFixed(1)} dB` : '–'}</td></tr>
`
  })
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Summary"><table>
<caption>Mean cosine similarity to the original, and how many are accepted as the same person</caption>
<thead>${recognizerHeads({ thresholds, roles }, html`<th rowspan="2" scope="col">Version</th><th rowspan="2" scope="col">Wanted</th>`, html`<th rowspan="2" scope="col" class="edge">Face found again</th><th rowspan="2" scope="col">PSNR</th>`)}</thead>
<tbody>${rows}</tbody></table></div>`
}

function detailTable({ faces, thresholds, recipes }: DemoMetrics): Html {
  const roles = rolesOf({ thresholds, recipes })
  const row = ({ kind, title, similarity, detected, psnr }: MeasuredVersion) => {
    const cell = (name: RecognizerName) => {
      const accepted = similarity[name] > thresholds[name].threshold
      const good = accepted === purposes[kind].accepted
      return html`<td class="${edge(name, roles)}">${similarity[name].toFixed(3)} <span class="${good ? 'good' : 'bad'}">${accepted ? 'accepted' : 'rejected'}</span></td>`
    }
    return html`<tr><th scope="row">${title}</th>${cell(roles.guide)}${roles.judges.map(cell)}<td class="edge">${detected ? 'yes' : 'no'}</td><td>${psnr === undefined ? '–' : `${psnr.toFixed(1)} dB`}</td></tr>
`
  }
  const groups = faces.map((face, i) => {
    const parts = Object.entries(face.seconds).map(([part, seconds]) => `${part} ${seconds.toFixed(0)} s`)
    return html`<tbody><tr class="group"><th colspan="6" scope="rowgroup">Face ${i + 1} <small>${face.photo} · ${secondsOf(face).toFixed(0)} s: ${parts.join(', ')}</small></th></tr>
${face.versions.map(row)}</tbody>
`
  })
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Every number"><table>
<caption>Cosine similarity to the original, and the decision</caption>
<thead>${recognizerHeads({ thresholds, roles }, html`<th rowspan="2" scope="col">Version</th>`, html`<th rowspan="2" scope="col" class="edge">Face found again</th><th rowspan="2" scope="col">PSNR</th>`)}</thead>
${groups}</table></div>`
}

/** Two lines of heads: the guide apart from the judges. */
function recognizerHeads(
  { thresholds, roles }: { thresholds: Thresholds; roles: Roles },
  before: Content,
  after: Content,
): Html {
  const head = (name: RecognizerName) =>
    html`<th scope="col" class="${edge(name, roles)}">${name}<small>same above ${thresholds[name].threshold.toFixed(3)}</small></th>`
  return html`<tr>${before}<th scope="colgroup" class="edge">Guide, white box</th><th scope="colgroup" colspan="${roles.judges.length}" class="edge">Judges, black boxes</th>${after}</tr>
<tr>${head(roles.guide)}${roles.judges.map(head)}</tr>`
}

function legend({ thresholds, recipes }: DemoMetrics): Html {
  const { guide, judges } = rolesOf({ thresholds, recipes })
  const rates = [guide, ...judges].map(name => `${name} ${(100 * thresholds[name].tar).toFixed(1)} %`)
  return html`<dl class="legend">
<div><dt>White box and black box</dt><dd>Protection follows the gradient of the guide, ${guide}. What the guide says of the result is no evidence that others would agree, so recognizers that it never sees judge: ${judges.join(' and ')}. Their numbers are never mixed with its own.</dd></div>
<div><dt>Threshold</dt><dd>Two faces are accepted as one person when their similarity is above the recognizer's threshold, which lets ${(100 * thresholds[guide].far).toFixed(1)} % of pairs of different people through (false accept rate) on clean LFW faces. Of pairs of one person it accepts: ${rates.join(', ')}. Cosines of different recognizers are on different scales.</dd></div>
<div><dt>Wrong key</dt><dd>Random numbers of the same size and length as the right key. What they regenerate should be nobody in particular.</dd></div>
<div><dt>PSNR</dt><dd>Of the regenerated face against the original, over the whole aligned face: higher is closer; above 25 dB differences are hard to see.</dd></div>
<div><dt><span class="good">green</span> <span class="bad">red</span></dt><dd>As wanted of this kind of version, or not.</dd></div>
</dl>`
}

/** The first column of each group of recognizers has a line before it. */
function edge(name: RecognizerName, { guide, judges }: Roles): string {
  return name === guide || name === judges[0] ? 'edge' : ''
}

function secondsOf({ seconds }: MeasuredFace): number {
  return Object.values(seconds).reduce((a, b) => a + b, 0)
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

function ordinal(n: number): string {
  return ['first', 'second', 'third', 'fourth', 'fifth'][n - 1] ?? `${n}th`
}
