/** HTML out of template literals: what is put in is escaped, unless it is HTML itself. */
import { createHash } from 'node:crypto'
import { encodeImage, resizeImage } from '../images/codec.ts'
import type { Image } from '../images/image.ts'

/** Markup that needs no escaping any more. */
export class Html {
  constructor(readonly markup: string) {}
}

/** What a template takes: text is escaped, lists are joined, and nothing is shown for undefined and false. */
export type Content = Html | string | number | undefined | false | readonly Content[]

/** html`<p>${text}</p>`: safe between tags and in quoted attributes. */
export function html(parts: TemplateStringsArray, ...contents: Content[]): Html {
  return new Html(parts.reduce((markup, part, i) => markup + render(contents[i - 1]) + part))
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function render(content: Content): string {
  if (content === undefined || content === false) return ''
  if (content instanceof Html) return content.markup
  if (typeof content === 'object') return content.map(render).join('')
  return String(content).replace(/[&<>"']/g, character => escapes[character]!)
}

/**
 * A whole page that needs nothing beside it: `css` and `script` inside, no other script, and whatever is fetched refused by
 * its policy, but for pictures from where `images` says.
 */
export function page(title: string, css: string, body: Html, script?: string, images = 'data:'): string {
  const hash = script && `; script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`
  const policy = `default-src 'none'; img-src ${images}; style-src 'unsafe-inline'${hash ?? ''}`
  const { markup } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Html(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(css)}</style>
</head>
<body>
${body}
${
  script !== undefined &&
  html`<script>${new Html(script)}</script>
`
}</body>
</html>
`
  return markup
}

/** A picture as a data: URI, at most `width` pixels wide. */
export async function dataUri(image: Image, width = image.width): Promise<string> {
  const scale = Math.min(1, width / image.width)
  const small = await resizeImage(image, Math.round(image.width * scale), Math.round(image.height * scale))
  return `data:image/jpeg;base64,${(await encodeImage(small, 'jpeg', 92)).toString('base64')}`
}

/** The style sheet of reports: light and dark, from a phone's width up. */
export const style = `
:root { color-scheme: light dark; --paper: #fbfaf8; --card: #fff; --ink: #1d1d1f; --soft: #64646c; --line: #dedcd6;
  --accent: #3355b5; --good: #12683a; --good-paper: #dcf2e3; --bad: #a3271c; --bad-paper: #fbe2de; }
@media (prefers-color-scheme: dark) { :root { --paper: #141517; --card: #1d1f22; --ink: #ececee; --soft: #a0a1a9;
  --line: #35373c; --accent: #9db4ff; --good: #8fe0ae; --good-paper: #173726; --bad: #ffaca1; --bad-paper: #48201b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  -webkit-text-size-adjust: 100%; }
main { max-width: 1120px; margin: 0 auto; padding: 2.5rem 1.25rem 3rem; }
h1 { font-size: clamp(1.7rem, 5vw, 2.4rem); line-height: 1.15; letter-spacing: -.02em; margin: 0 0 .75rem; }
h2 { font-size: 1.35rem; letter-spacing: -.01em; margin: 3rem 0 .25rem; }
h3 { font-size: 1rem; margin: 0 0 .6rem; }
p { margin: .25rem 0 1rem; max-width: 68ch; }
small { color: var(--soft); font-weight: 400; font-size: .82em; }
section > p, footer, figcaption, caption { color: var(--soft); }
.lead { font-size: 1.08rem; }
.facts { display: flex; flex-wrap: wrap; gap: .4rem; max-width: none; font-size: .9rem; }
.facts span { border: 1px solid var(--line); border-radius: 99px; padding: .1rem .75rem; background: var(--card); }
.note { border-left: 3px solid var(--accent); padding: .3rem .8rem; background: var(--card); }
.face, .photo { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem; margin: 0 0 1rem; }
figure { margin: 0; }
img { display: block; width: 100%; height: auto; border-radius: 6px; }
figcaption { font-size: .85rem; padding-top: .3rem; text-align: center; }
.strip { display: grid; grid-template-columns: repeat(var(--columns), 1fr); gap: .7rem; }
.original img { outline: 2px solid var(--accent); outline-offset: 2px; }
.photos { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 1rem; }
.frame { position: relative; overflow: hidden; border-radius: 6px; }
.mark { position: absolute; border: 2px solid #fff; border-radius: 6px; box-shadow: 0 0 0 1px #0008; }
.mark b { position: absolute; right: 100%; bottom: 100%; margin: 0 -.55rem -.55rem 0; min-width: 1.3rem; padding: 0 .3rem;
  border-radius: 99px; background: #fff; color: #1d1d1f; font-size: .72rem; line-height: 1.3rem; text-align: center;
  box-shadow: 0 0 0 1px #0005; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 12px; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .8rem 1rem .5rem; }
th, td { padding: .45rem .8rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); white-space: nowrap; }
thead th { vertical-align: bottom; font-weight: 600; }
th small { display: block; }
tbody th { font-weight: 600; position: sticky; left: 0; background: var(--card); }
.edge { border-left: 1px solid var(--line); }
.group th { padding-top: 1rem; }
.group small { display: inline; padding-left: .4rem; }
.good, .bad { display: inline-block; border-radius: 99px; padding: 0 .5rem; font-size: .8rem; font-weight: 600; }
.good { color: var(--good); background: var(--good-paper); }
.bad { color: var(--bad); background: var(--bad-paper); }
.legend { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 1rem 2rem; margin: 0;
  font-size: .9rem; }
.legend dt { font-weight: 600; }
.legend dd { margin: 0; color: var(--soft); }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .85rem; }
code { font-size: .95em; }
@media (max-width: 640px) { main { padding: 1.5rem .8rem 2rem; } .strip { grid-template-columns: repeat(3, 1fr); gap: .5rem; }
  .face, .photo { padding: .8rem; } tbody th { white-space: normal; min-width: 7.5rem; } th, td { padding: .45rem .6rem; }
  .group th { position: static; } }
`
