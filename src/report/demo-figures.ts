/** The pictures of the demonstration's report: pairs of faces, photos, and further versions of each face. */
import type { Box } from '../faces/box.ts'
import type { RecognizerName } from '../faces/recognizers.ts'
import { type DemoMetrics, type MeasuredFace, rolesOf } from './demo-metrics.ts'
import { type Html, html } from './html.ts'

/** A face, as data: URIs. */
export interface FaceFigure {
  readonly original: string
  /** One for each version of the metrics. */
  readonly versions: readonly string[]
}

/** A photo in its versions, as data: URIs. */
export interface PhotoFigure {
  readonly name: string
  readonly width: number
  readonly height: number
  /** The protected faces. */
  readonly faces: readonly { readonly face: number; readonly box: Box }[]
  readonly original: string
  readonly anonymized: string
  readonly others: readonly { readonly title: string; readonly uri: string }[]
}

/** A face beside its first anonymized version, over which the original can be drawn, and what recognizers make of it. */
export function facePair(metrics: DemoMetrics, number: number, { original, versions }: FaceFigure): Html {
  const { photo, face } = metrics.faces[number]!
  const alt = `face ${number + 1}`
  return html`<article class="face">
<h3>Face ${number + 1} <small>${photo}, ${ordinal(face + 1)} from the left</small></h3>
<div class="pair">
<figure><img src="${original}" width="768" height="768" alt="${alt}, original"><figcaption>Original</figcaption></figure>
${comparison({ before: original, after: versions[0]!, width: 768, height: 768, name: alt, at: 0 }, html`Anonymized`)}
</div>
${verdicts(metrics, metrics.faces[number]!)}
</article>
`
}

/** Two pictures of one size, the first in front of the second up to a line that the reader moves. */
interface Comparison {
  readonly before: string
  readonly after: string
  readonly width: number
  readonly height: number
  readonly name: string
  /** Where the line is at first, in percent from the left. */
  readonly at: number
}

function comparison({ before, after, width, height, name, at }: Comparison, caption: Html, marks?: Html[]): Html {
  return html`<figure class="compare" style="--at:${at}">
<div class="stage"><img src="${after}" width="${width}" height="${height}" alt="${name}, anonymized"><img class="before" src="${before}" width="${width}" height="${height}" alt="" aria-hidden="true"><i></i>${marks}</div>
<figcaption><span>${caption}</span><label>show original <input type="range" min="0" max="100" step="any" value="${at}" aria-label="${name}: how much of the original is shown, from the left"></label></figcaption>
</figure>`
}

/** Each recognizer's cosine and decision on the first anonymized version. */
function verdicts({ thresholds, recipes }: DemoMetrics, { versions }: MeasuredFace): Html {
  const { guides, heldOut } = rolesOf({ thresholds, recipes })
  const { similarity } = versions[0]!
  const verdict = (role: string) => (name: RecognizerName) => {
    const accepted = similarity[name] > thresholds[name].threshold
    return html`<li><b>${name}</b> <small>${role}</small> <span class="cosine">${similarity[name].toFixed(2)} <small>of ${thresholds[name].threshold.toFixed(2)}</small></span> <span class="${accepted ? 'bad' : 'good'}">${accepted ? 'accepted' : 'not accepted'}</span></li>`
  }
  return html`<ul class="verdicts" aria-label="Cosine similarity to the original, and whether it is accepted as the same person"><li class="ask">Same person?</li>${heldOut.map(verdict('held-out'))}${guides.map(verdict('guidance'))}</ul>`
}

/** A whole photo, anonymized under the original, and its further versions. */
export function photoFigures(
  { name, width, height, faces, original, anonymized, others }: PhotoFigure,
  all: readonly MeasuredFace[],
): Html {
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(2)}%`
  const marks = faces.map(({ face, box }) => {
    const number = all.findIndex(done => done.photo === name && done.face === face) + 1
    const place = `left:${percent(box.x + box.width / 2, width)};top:${percent(box.y, height)}`
    return html`<b class="mark" style="${place}">${number}</b>`
  })
  const size = { width, height }
  return html`<article class="photo">
${comparison({ before: original, after: anonymized, ...size, name, at: 0 }, html`${name}, anonymized`, marks)}
<div class="photos">
${others.map(({ title, uri }) => html`<figure><img src="${uri}" width="${width}" height="${height}" alt="${name}, ${title}"><figcaption>${title}</figcaption></figure>`)}
</div></article>
`
}

/** All versions of a face, small. */
export function versionStrip({ versions }: MeasuredFace, number: number, figure: FaceFigure): Html {
  const titles = ['original', ...versions.map(({ title }) => title)]
  const uris = [figure.original, ...figure.versions]
  return html`<article class="versions">
<h3>Face ${number + 1}</h3>
<div class="strip" style="--columns:${titles.length}">
${titles.map((title, i) => html`<figure><img src="${uris[i]}" width="384" height="384" alt="face ${number + 1}, ${title}"><figcaption>${title}</figcaption></figure>`)}
</div>
</article>
`
}

function ordinal(n: number): string {
  return ['first', 'second', 'third', 'fourth', 'fifth'][n - 1] ?? `${n}th`
}
