/** The pictures of the demonstration's report: pairs of faces, photos, and further versions of each face. */

import { guidesOf, type Recipe } from '../config/recipe.ts'
import type { Box } from '../faces/box.ts'
import type { RecognizerName, Thresholds } from '../faces/recognizers.ts'
import { type Html, html } from './html.ts'

// What the demonstration measures: metrics.json, and what the report's tables are made of.

export const versionKinds = ['anonymized', 'hidden', 'recovered', 'regenerated', 'wrongKey'] as const
export type VersionKind = (typeof versionKinds)[number]

/** One version of a face, against the original. */
export interface MeasuredVersion {
  readonly kind: VersionKind
  /** What it is called: 'anonymized 2'. */
  readonly title: string
  /** Cosine similarity under each recognizer, of the face as the resulting photo shows it. */
  readonly similarity: Readonly<Record<RecognizerName, number>>
  /** Whether the detector still finds a face there. */
  readonly detected: boolean
  /** Of what a key gave back, in decibels over the whole aligned face. */
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

/** The recognizers that guided, white boxes, and those that had no part in making the pictures. */
export interface Roles {
  readonly guides: readonly RecognizerName[]
  readonly heldOut: readonly RecognizerName[]
}

export function rolesOf({ thresholds, recipes }: Pick<DemoMetrics, 'thresholds' | 'recipes'>): Roles {
  const all = Object.keys(thresholds) as RecognizerName[]
  const guiding: readonly string[] = Object.values(recipes).flatMap(guidesOf)
  return {
    guides: all.filter(name => guiding.includes(name)),
    heldOut: all.filter(name => !guiding.includes(name)),
  }
}

/** Whether a kind of version is to be accepted as the person. */
export const isMeantToBeAccepted: Readonly<Record<VersionKind, boolean>> = {
  anonymized: false,
  hidden: true,
  recovered: true,
  regenerated: true,
  wrongKey: false,
}

/** All seconds of work on a face. */
export function secondsOf({ seconds }: Pick<MeasuredFace, 'seconds'>): number {
  return Object.values(seconds).reduce((a, b) => a + b, 0)
}

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
