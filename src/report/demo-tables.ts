/** The tables of the demonstration's report: what recognizers make of each version. */
import type { RecognizerName } from '../faces/recognizers.ts'
import {
  type DemoMetrics,
  isMeantToBeAccepted,
  type MeasuredVersion,
  type Roles,
  rolesOf,
  secondsOf,
  type VersionKind,
  versionKinds,
} from './demo-figures.ts'
import { type Content, type Html, html } from './html.ts'

const names: Readonly<Record<VersionKind, string>> = {
  anonymized: 'Anonymized',
  hidden: 'Hidden',
  recovered: 'Recovered',
  regenerated: 'Regenerated',
  wrongKey: 'Wrong key',
}

/** Means over all faces, one row for each kind of version. */
export function summaryTable({ faces, thresholds, recipes }: DemoMetrics): Html {
  const roles = rolesOf({ thresholds, recipes })
  const rows = versionKinds.map(kind => {
    const versions = faces.flatMap(face => face.versions.filter(version => version.kind === kind))
    if (versions.length === 0) return undefined
    const isMeant = isMeantToBeAccepted[kind]
    const cell = (name: RecognizerName) => {
      const values = versions.map(({ similarity }) => similarity[name])
      const count = values.filter(value => value > thresholds[name].threshold).length
      const good = isMeant ? count === values.length : count === 0
      return html`<td class="${edge(name, roles)}">${mean(values).toFixed(3)} <span class="${good ? 'good' : 'bad'}">${count} of ${values.length}</span></td>`
    }
    const decibels = versions.flatMap(({ psnr }) => psnr ?? [])
    const found = versions.filter(({ detected }) => detected).length
    return html`<tr><th scope="row">${names[kind]}</th><td>${isMeant ? 'accepted' : 'not accepted'}</td>
${[...roles.guides, ...roles.heldOut].map(cell)}
<td class="edge">${found} of ${versions.length}</td><td>${decibels.length > 0 ? `${mean(decibels).toFixed(1)} dB` : '–'}</td></tr>
`
  })
  return table(
    'Summary',
    'Mean cosine similarity to the original, and how many are accepted as the same person',
    heads(
      thresholds,
      roles,
      html`<th rowspan="2" scope="col">Version</th><th rowspan="2" scope="col">Meant to be</th>`,
    ),
    html`<tbody>${rows}</tbody>`,
  )
}

/** Every version of every face. */
export function detailTable({ faces, thresholds, recipes }: DemoMetrics): Html {
  const roles = rolesOf({ thresholds, recipes })
  const recognizers = [...roles.guides, ...roles.heldOut]
  const row = ({ kind, title, similarity, detected, psnr }: MeasuredVersion) => {
    const cell = (name: RecognizerName) => {
      const accepted = similarity[name] > thresholds[name].threshold
      const good = accepted === isMeantToBeAccepted[kind]
      return html`<td class="${edge(name, roles)}">${similarity[name].toFixed(3)} <span class="${good ? 'good' : 'bad'}">${accepted ? 'accepted' : 'not accepted'}</span></td>`
    }
    return html`<tr><th scope="row">${title}</th>${recognizers.map(cell)}<td class="edge">${detected ? 'yes' : 'no'}</td><td>${psnr === undefined ? '–' : `${psnr.toFixed(1)} dB`}</td></tr>
`
  }
  const groups = faces.map((face, i) => {
    const parts = Object.entries(face.seconds).map(([part, seconds]) => `${part} ${seconds.toFixed(0)} s`)
    return html`<tbody><tr class="group"><th colspan="${3 + recognizers.length}" scope="rowgroup">Face ${i + 1} <small>${face.photo} · ${secondsOf(face).toFixed(0)} s: ${parts.join(', ')}</small></th></tr>
${face.versions.map(row)}</tbody>
`
  })
  return table(
    'Every version',
    'Cosine similarity to the original, and whether the version is accepted as the same person',
    heads(thresholds, roles, html`<th rowspan="2" scope="col">Version</th>`),
    html`${groups}`,
  )
}

function table(label: string, caption: string, head: Html, body: Html): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table>
<caption>${caption}</caption>
<thead>${head}</thead>
${body}</table></div>`
}

/** Two lines of heads: guidance recognizers apart from held-out ones. */
function heads(thresholds: DemoMetrics['thresholds'], roles: Roles, before: Content): Html {
  const group = (recognizers: readonly RecognizerName[], title: string) =>
    recognizers.length > 0 && html`<th scope="colgroup" colspan="${recognizers.length}" class="edge">${title}</th>`
  const head = (name: RecognizerName) =>
    html`<th scope="col" class="${edge(name, roles)}">${name}<small>threshold ${thresholds[name].threshold.toFixed(3)}</small></th>`
  return html`<tr>${before}${group(roles.guides, 'Guidance recognizers (white box)')}${group(roles.heldOut, 'Held-out recognizers (black box)')}<th rowspan="2" scope="col" class="edge">Face detected</th><th rowspan="2" scope="col">PSNR</th></tr>
<tr>${[...roles.guides, ...roles.heldOut].map(head)}</tr>`
}

/** The first column of each group of recognizers has a line before it. */
function edge(name: RecognizerName, { guides, heldOut }: Roles): string {
  return name === guides[0] || name === heldOut[0] ? 'edge' : ''
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}
