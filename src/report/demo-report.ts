/** The page that shows what the demonstration did: faces first, then numbers, settings and definitions. */
import { guidesOf, type Recipe, seedOf } from '../config/recipe.ts'
import {
  type DemoMetrics,
  type FaceFigure,
  facePair,
  type PhotoFigure,
  photoFigures,
  rolesOf,
  secondsOf,
  versionStrip,
} from './demo-figures.ts'
import { detailTable, summaryTable } from './demo-tables.ts'
import { type Html, html, page, style } from './html.ts'

// What the demonstration's report has of style and script beyond other reports.

export const demoStyle = `${style}
main { max-width: 1240px; padding-top: 3.5rem; }
header { margin-bottom: 2.5rem; }
h1 { font-weight: 650; }
h2 { margin: 4.5rem 0 .35rem; font-size: 1.5rem; font-weight: 650; }
h3 { font-weight: 600; }
section > p { margin-bottom: 1.5rem; }
.lead { color: var(--soft); }
.lead b { color: var(--ink); font-weight: 600; }
.facts { margin-top: 1.25rem; }
.face, .photo, .versions { background: none; border: 0; padding: 0; margin: 0 0 3rem; border-radius: 0; }
.versions { margin-bottom: 1.75rem; }
.versions h3 { margin-bottom: .4rem; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem; }
img { border-radius: 10px; }
figcaption { display: flex; justify-content: space-between; align-items: center; gap: 1rem; min-height: 2.2rem;
  text-align: left; font-size: .92rem; }
.strip figcaption { justify-content: center; text-align: center; font-size: .85rem; min-height: 0; line-height: 1.3; }
.photos figcaption { min-height: 0; }
.stage { position: relative; overflow: hidden; border-radius: 10px; cursor: ew-resize; touch-action: pan-y; user-select: none; }
.stage img { border-radius: 0; pointer-events: none; }
.stage .before { position: absolute; inset: 0; height: 100%; clip-path: inset(0 calc(100% - var(--at) * 1%) 0 0); }
.stage i { position: absolute; top: 0; bottom: 0; left: calc(var(--at) * 1%); opacity: var(--at); width: 2px; margin-left: -1px; background: #fff;
  box-shadow: 0 0 0 .5px #0006, 0 0 8px #0005; pointer-events: none; }
.stage i::after { content: "◂ ▸"; position: absolute; left: 50%; bottom: 1rem; translate: -50% 0; width: 2.6rem; border-radius: 99px;
  background: #fffe; color: #1d1d1f; font: 600 .7rem/1.7rem system-ui, sans-serif; text-align: center; box-shadow: 0 1px 4px #0006; }
.compare label { display: flex; align-items: center; gap: .6rem; font-size: .85rem; }
.compare input { width: clamp(7rem, 16vw, 12rem); margin: 0; accent-color: var(--accent); cursor: ew-resize; }
.mark { position: absolute; translate: -50% -135%; min-width: 1.45rem; padding: 0 .35rem; border-radius: 99px; background: #fffd;
  color: #1d1d1f; font-size: .75rem; line-height: 1.45rem; text-align: center; box-shadow: 0 0 0 1px #0003; pointer-events: none; }
.photos { margin-top: .75rem; gap: 1.25rem; }
.verdicts { display: flex; flex-wrap: wrap; gap: .4rem 1.4rem; list-style: none; margin: .5rem 0 0; padding: .6rem 0 0;
  border-top: 1px solid var(--line); font-size: .88rem; font-variant-numeric: tabular-nums; }
.verdicts li { display: flex; align-items: baseline; gap: .4rem; }
.verdicts .ask { color: var(--soft); }
.verdicts b { font-weight: 600; }
.settings { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); gap: .35rem 2.5rem; margin: 0 0 2rem; font-size: .9rem; }
.settings div { display: flex; justify-content: space-between; gap: 1rem; border-bottom: 1px solid var(--line); padding: .3rem 0; }
.settings dt { color: var(--soft); }
.settings dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
@media (max-width: 640px) { main { padding: 2rem 1rem 2.5rem; } header { margin-bottom: 1.75rem; } h2 { margin-top: 3rem; }
  .pair { grid-template-columns: minmax(0, 1fr); gap: .25rem; } .face, .photo { padding: 0; margin-bottom: 2.5rem; }
  .verdicts { display: grid; gap: .35rem; } .verdicts li { display: grid; grid-template-columns: 7.5rem 1fr auto; }
  .verdicts li > small { display: none; } .verdicts .ask { display: block; } .photo figcaption { flex-wrap: wrap; } }
@media print { .compare label, .stage i { display: none; } }
`

/** Moves the line of a comparison by its slider, or by dragging on the picture. */
export const demoScript = `
for (const figure of document.querySelectorAll('.compare')) {
  const [input, stage] = [figure.querySelector('input'), figure.querySelector('.stage')]
  const show = () => figure.style.setProperty('--at', input.value)
  const drag = event => {
    const { left, width } = stage.getBoundingClientRect()
    input.value = (100 * (event.clientX - left)) / width
    show()
  }
  input.addEventListener('input', show)
  stage.addEventListener('pointerdown', event => { stage.setPointerCapture(event.pointerId); drag(event) })
  stage.addEventListener('pointermove', event => { if (stage.hasPointerCapture(event.pointerId)) drag(event) })
  show()
}
`

export interface DemoFigures {
  /** One for each face of the metrics. */
  readonly faces: readonly FaceFigure[]
  readonly photos: readonly PhotoFigure[]
}

/** The report as a page of HTML that needs nothing beside it. */
export function demoReport(metrics: DemoMetrics, figures: DemoFigures): string {
  const { faces, planned } = metrics
  const body = html`<main>
<header>
<h1>Diff-Privacy: faces of sample photos, protected</h1>
<p class="lead"><b>Anonymization</b> replaces each face by another person's; the rest of the photo stays. Whoever has the key
<b>recovers</b> the original.</p>
<p class="facts">${facts(metrics).map(([value, name]) => html`<span><b>${value}</b> ${name}</span>`)}</p>
${faces.length < planned && html`<p class="note" role="status">${faces.length} of ${planned} faces are done: this page grows with each. Reload it for more.</p>`}
</header>
<section aria-label="Faces">
${faces.map((_, i) => facePair(metrics, i, figures.faces[i]!))}
</section>
<section><h2>The photos</h2>
<p>Only the numbered faces were protected. Pixels around them are the original's, but for the compression of the files.</p>
${figures.photos.map(photo => photoFigures(photo, faces))}
</section>
<section><h2>Further versions</h2>
<p><b>Hidden</b>: meant to be someone else to people, and the same person to recognizers. <b>Recovered</b>: restored from the protected
photo and its key. <b>Regenerated</b>: generated again from the latent and the embeddings in the key, as in the paper.
<b>Wrong key</b>: generated from a random key.</p>
${faces.map((face, i) => versionStrip(face, i, figures.faces[i]!))}
</section>
<section><h2>What recognizers make of them</h2>
${summaryTable(metrics)}
${detailTable(metrics)}
</section>
<section><h2>Settings</h2>
${settings(metrics)}
</section>
<section><h2>Definitions</h2>
${definitions(metrics)}
</section>
<footer>Made by <code>diff-privacy demo</code>. The same numbers are in <code>metrics.json</code>; the protected photos and their
keys are in the same folder.</footer>
</main>`
  return page('Diff-Privacy: demonstration', demoStyle, body, demoScript)
}

function facts({ faces, firstProtected }: DemoMetrics): [string, string][] {
  const total = faces.reduce((sum, face) => sum + secondsOf(face), 0)
  const photos = new Set(faces.map(({ photo }) => photo)).size
  const kept = faces.map(face => face.versions[0]!).filter(({ detected }) => detected).length
  return [
    [`${faces.length}`, `face${faces.length === 1 ? '' : 's'} of ${photos} photo${photos === 1 ? '' : 's'}`],
    [`${firstProtected.toFixed(0)} s`, 'to the first protected photo'],
    [`${(total / faces.length).toFixed(0)} s`, 'of work per face, all versions'],
    [`${kept} of ${faces.length}`, 'anonymized faces detected as faces'],
  ]
}

function settings({ model, backend, jobs, recipes }: DemoMetrics): Html {
  const { anonymize, hide } = recipes
  const rows: [string, string | number][] = [
    ['model', model.name],
    ['SHA-256 of its weights', `${model.sha256.slice(0, 12)}`],
    ['backend', backend],
    ['processes', jobs],
    ['seed', seedOf(anonymize)],
    ['anonymized versions per face', anonymize.samples],
    ...recipeRows('anonymize', anonymize),
    ...recipeRows('hide', hide),
    ['inversion, DDIM steps', anonymize.recovery.steps],
  ]
  return html`<dl class="settings">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

function recipeRows(task: string, recipe: Recipe): [string, string][] {
  const energies = Object.entries(recipe.energies).flatMap(([name, weight]) =>
    name !== 'floor' && (typeof weight === 'object' || weight > 0) ? [name] : [],
  )
  return [
    [`${task}: DDIM steps`, `${recipe.steps}`],
    [`${task}: strength`, [recipe.strength].flat().join(', ')],
    [`${task}: guided by`, guidesOf(recipe).join(', ')],
    [`${task}: energies`, energies.join(', ')],
  ]
}

function definitions({ thresholds, recipes }: DemoMetrics): Html {
  const { guides, heldOut } = rolesOf({ thresholds, recipes })
  const all = [...guides, ...heldOut]
  const rates = all.map(name => `${name} ${(100 * thresholds[name].tar).toFixed(1)} %`)
  const { far } = thresholds[all[0]!]
  return html`<dl class="legend">
<div><dt>Guidance and held-out recognizers</dt><dd>Protection follows the gradient of its guidance recognizers${guides.length > 0 && ` (${guides.join(', ')})`}, so their similarities say little about others. Held-out recognizers${heldOut.length > 0 && ` (${heldOut.join(', ')})`} had no part in making the pictures.</dd></div>
<div><dt>Accepted as the same person</dt><dd>The cosine similarity of the embeddings is above the recognizer's threshold, at which ${(100 * far).toFixed(1)} % of pairs of different people are accepted (false accept rate), on LFW. True accept rates there: ${rates.join(', ')}. Cosines of different recognizers are on different scales.</dd></div>
<div><dt>Face detected</dt><dd>A detector finds a face where the original is (intersection over union above 0.5).</dd></div>
<div><dt>Recovered</dt><dd>As the command <code>recover</code> restores it: the key holds what protection changed of the photo.</dd></div>
<div><dt>Regenerated</dt><dd>Sampled by the model from the latent that DDIM inversion found and from the face's embeddings, both in the key. This is the paper's recovery; the model's autoencoder limits it.</dd></div>
<div><dt>Wrong key</dt><dd>A random latent and random embeddings of the right key's shapes and lengths. The face should be nobody's in particular.</dd></div>
<div><dt>PSNR</dt><dd>Peak signal-to-noise ratio of what a key gave back and the original, over the whole aligned face.</dd></div>
<div><dt><span class="good">green</span> <span class="bad">red</span></dt><dd>As meant of this kind of version, or not.</dd></div>
</dl>`
}
