/** Style and script of the review page. */
import { style } from './html.ts'

export const reviewStyle = `${style}
main { max-width: 1600px; }
.summary { margin: 0 0 1rem; padding-left: 1.1rem; }
.note { max-width: none; }
.bar { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; align-items: center; max-width: none;
  margin: 0 0 1rem; padding: .6rem 0; background: var(--paper); border-bottom: 1px solid var(--line); }
.bar label { font-weight: 600; cursor: pointer; }
.keys, .small { color: var(--soft); font-size: .85rem; }
.small { margin: .5rem 0; }
#place { margin-left: auto; font-variant-numeric: tabular-nums; }
kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 .3rem; background: var(--card); font: inherit; }
.photo { scroll-margin-top: 4.5rem; outline: none; }
.photo.here { border-color: var(--accent); box-shadow: 0 0 0 2px var(--accent); }
.photo h2 { margin: 0 0 .7rem; font-size: 1.05rem; overflow-wrap: anywhere; }
.photo h2 span { margin-left: .3rem; }
body.only .photo[data-look=no] { display: none; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: .8rem; }
.pair .frame { background: var(--line); max-height: 75vh; margin: 0 auto; }
.pair .frame img { width: 100%; height: 100%; border-radius: 0; }
.under { position: absolute; inset: 0; visibility: hidden; }
body.before .under { visibility: visible; }
.pair figure { max-width: 900px; }
.missing { position: absolute; inset: 0; margin: 0; display: grid; place-content: center; padding: 1rem; text-align: center;
  color: var(--soft); max-width: none; }
.mark { pointer-events: none; }
.mark.covered { border-color: #ffb300; }
.mark.doubtful { border-style: dashed; border-color: #ffb300; }
.mark.covered b, .mark.doubtful b { background: #ffb300; }
.faces { list-style: none; display: flex; flex-wrap: wrap; gap: .8rem 1.4rem; margin: .6rem 0 0; padding: 0; font-size: .85rem; }
.faces li { display: flex; align-items: center; gap: .5rem; max-width: 24rem; }
.crops { display: flex; gap: .3rem; }
.crop { position: relative; flex: none; width: 112px; height: 112px; overflow: hidden; border-radius: 6px; background: var(--line); }
.crop img { position: absolute; max-width: none; border-radius: 0; }
details { margin-top: 2rem; }
summary { cursor: pointer; font-weight: 600; }
@media (max-width: 640px) { .keys { display: none; } .crop { zoom: .7; } }
`

export const reviewScript = `
const cards = [...document.querySelectorAll('.photo')]
const filter = document.getElementById('filter')
const place = document.getElementById('place')
const shown = () => cards.filter(card => !filter.checked || card.dataset.look === 'yes')
let here
function go(card) {
  if (here) here.classList.remove('here')
  here = card
  const visible = shown()
  place.textContent = card ? (visible.indexOf(card) + 1) + ' of ' + visible.length : ''
  if (!card) return
  card.classList.add('here')
  card.focus({ preventScroll: true })
  card.scrollIntoView({ block: 'start' })
}
function move(by) {
  const visible = shown()
  const at = visible.indexOf(here)
  const next = at < 0 ? (by > 0 ? 0 : visible.length - 1) : Math.min(visible.length - 1, Math.max(0, at + by))
  if (visible[next]) go(visible[next])
}
function applyFilter() {
  document.body.classList.toggle('only', filter.checked)
  const visible = shown()
  document.getElementById('nothing').hidden = visible.length > 0
  if (here && !visible.includes(here)) go(visible[0])
  else if (here) go(here)
}
filter.addEventListener('change', applyFilter)
addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === 'o') document.body.classList.add('before')
  const step = { j: 1, ArrowDown: 1, ArrowRight: 1, k: -1, ArrowUp: -1, ArrowLeft: -1 }[event.key]
  if (step) {
    event.preventDefault()
    move(step)
  }
  if (event.key === 'f' && !event.repeat) {
    filter.checked = !filter.checked
    applyFilter()
  }
})
addEventListener('keyup', event => {
  if (event.key === 'o') document.body.classList.remove('before')
})
applyFilter()
`
