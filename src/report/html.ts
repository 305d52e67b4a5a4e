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
