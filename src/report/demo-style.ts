/** What the demonstration's report has of style and script beyond other reports. */
import { style } from './style.ts'

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
