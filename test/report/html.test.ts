import { createHash } from 'node:crypto'
import fc from 'fast-check'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { dataUri, Html, html, page } from '../../src/report/html.ts'

test('text is escaped, markup and lists are not, and what is not there leaves nothing', () => {
  const name = `<b>"Tom" & 'Ann'</b>`
  expect(html`<p title="${name}">${name}</p>`.markup).toBe(
    '<p title="&lt;b&gt;&quot;Tom&quot; &amp; &#39;Ann&#39;&lt;/b&gt;">&lt;b&gt;&quot;Tom&quot; &amp; &#39;Ann&#39;&lt;/b&gt;</p>',
  )
  expect(html`${[1, html`<br>`, '<', [undefined, false]]}${0}`.markup).toBe('1<br>&lt;0')
})

test('no text can open a tag or end an attribute, and none is lost', () => {
  const back = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&quot;': '"', '&#39;': "'" }
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('<', '>', '&', '"', "'", 'a', ';', '#') }), text => {
      const { markup } = html`${text}`
      expect(markup).not.toMatch(/[<>"']/)
      expect(markup.replace(/&\w+;|&#39;/g, entity => back[entity as keyof typeof back])).toBe(text)
    }),
  )
})

test('a page has its style inside and lets nothing be fetched', () => {
  const text = page('a < b', 'p > b { color: red }', new Html('<p>text</p>'))
  expect(text).toMatch(/^<!doctype html>/)
  expect(text).toContain('<title>a &lt; b</title>')
  expect(text).toContain('<style>p > b { color: red }</style>')
  expect(text).toContain(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"`)
})

test('a page runs the script that it was given, and no other', () => {
  const script = `document.title = 'a < b'`
  const text = page('a', '', new Html(''), script)
  const hash = createHash('sha256').update(script).digest('base64')
  expect(text).toContain(`style-src 'unsafe-inline'; script-src 'sha256-${hash}'"`)
  expect(text).toContain(`<script>${script}</script>`)
  expect(page('a', '', new Html(''))).not.toContain('script')
})

test('a picture becomes a data: URI, made smaller but never larger', async () => {
  const image = { width: 40, height: 20, data: new Uint8Array(40 * 20 * 3).fill(128) }
  for (const [width, expected] of [
    [10, { width: 10, height: 5 }],
    [400, { width: 40, height: 20 }],
  ] as const) {
    const uri = await dataUri(image, width)
    const [head, body] = uri.split(',')
    expect(head).toBe('data:image/jpeg;base64')
    expect(await sharp(Buffer.from(body!, 'base64')).metadata()).toMatchObject(expected)
  }
})
