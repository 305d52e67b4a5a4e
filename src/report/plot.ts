/** Plots as SVG: a frame of two axes, and in it points with intervals, a line through some of them, and numbers beside them. */
import { type Html, html } from './html.ts'

/** Colours: a page's variables, so that it is light or dark, or fixed ones in a file. */
export interface Theme {
  readonly ink: string
  readonly soft: string
  readonly line: string
  readonly accent: string
  readonly paper: string
}

export const pageTheme: Theme = {
  ink: 'var(--ink)',
  soft: 'var(--soft)',
  line: 'var(--line)',
  accent: 'var(--accent)',
  paper: 'var(--card)',
}

export const fileTheme: Theme = {
  ink: '#1d1d1f',
  soft: '#64646c',
  line: '#dedcd6',
  accent: '#3355b5',
  paper: '#ffffff',
}

export interface PlotAxis {
  readonly label: string
  readonly scale?: 'linear' | 'log'
  /** Larger values to the left or below. */
  readonly reversed?: boolean
  /** Names in place of numbers: values are their places. */
  readonly names?: readonly string[]
  /** The least and the greatest value lie on the frame; else there is a little room, so that no point does. */
  readonly tight?: boolean
}

export interface PlotPoint {
  readonly x: number
  readonly y: number
  readonly xInterval?: readonly [number, number]
  readonly yInterval?: readonly [number, number]
  /** Shown beside it. */
  readonly label?: string
  /** Shown when it is pointed at. */
  readonly title: string
  readonly strong?: boolean
}

export interface Plot {
  /** What it shows, for who cannot see it. */
  readonly title: string
  readonly x: PlotAxis
  readonly y: PlotAxis
  readonly points: readonly PlotPoint[]
  /** Places that a line goes through. */
  readonly path?: readonly { readonly x: number; readonly y: number }[]
}

export interface PlotSize {
  readonly width: number
  readonly height: number
}

const margin = { left: 58, right: 16, top: 12, bottom: 46 }

/** Two axes, and the values between whose extremes they go. */
export interface Frame {
  /** What the plot shows, for who cannot see it. */
  readonly title: string
  readonly x: PlotAxis & { readonly values: readonly number[] }
  readonly y: PlotAxis & { readonly values: readonly number[] }
}

/** Where values are on the axes of a frame, in units of the picture, as numbers of SVG. */
export interface Places {
  x(value: number): string
  y(value: number): string
}

/** A frame with what is drawn in it, as an SVG element that fills the width it is given. */
export function framedSvg(
  { title, x, y }: Frame,
  { width, height }: PlotSize,
  theme: Theme,
  draw: (places: Places) => Html,
): Html {
  const across = scaleOf(x, x.values, [margin.left, width - margin.right])
  const up = scaleOf(y, y.values, [height - margin.bottom, margin.top])
  const middle = { x: (margin.left + width - margin.right) / 2, y: (margin.top + height - margin.bottom) / 2 }
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}" font-family="system-ui, sans-serif" font-size="12">
<title>${title}</title>
${across.ticks.map(
  ({
    at,
    text,
  }) => html`<line x1="${number(at)}" x2="${number(at)}" y1="${margin.top}" y2="${height - margin.bottom}" stroke="${theme.line}"/>
<text x="${number(at)}" y="${height - margin.bottom + 17}" text-anchor="middle" fill="${theme.soft}">${text}</text>`,
)}
${up.ticks.map(
  ({
    at,
    text,
  }) => html`<line x1="${margin.left}" x2="${width - margin.right}" y1="${number(at)}" y2="${number(at)}" stroke="${theme.line}"/>
<text x="${margin.left - 7}" y="${number(at + 4)}" text-anchor="end" fill="${theme.soft}">${text}</text>`,
)}
<text x="${middle.x}" y="${height - 8}" text-anchor="middle" fill="${theme.ink}">${x.label}</text>
<text transform="translate(14 ${middle.y}) rotate(-90)" text-anchor="middle" fill="${theme.ink}">${y.label}</text>
${draw({ x: value => number(across.at(value)), y: value => number(up.at(value)) })}
</svg>`
}

const number = (value: number): string => value.toFixed(1)

/** A plot as an SVG element that fills the width it is given. */
export function plotSvg({ title, x, y, points, path = [] }: Plot, size: PlotSize, theme: Theme): Html {
  const frame = {
    title,
    x: { ...x, values: [...points.flatMap(p => [p.x, ...(p.xInterval ?? [])]), ...path.map(p => p.x)] },
    y: { ...y, values: [...points.flatMap(p => [p.y, ...(p.yInterval ?? [])]), ...path.map(p => p.y)] },
  }
  const labels: Box[] = []
  const labelAt = (cx: number, cy: number, label: string, strong: boolean) => {
    const boxes = besides.map(([dx, dy]) => boxOf(cx + dx, cy + dy, label, dx < 0))
    const box = boxes.find(box => !labels.some(other => overlap(box, other))) ?? boxes[0]!
    labels.push(box)
    return html`<text x="${number(box.left)}" y="${number(box.base)}" fill="${strong ? theme.ink : theme.soft}" font-size="11" font-weight="${strong ? 600 : 400}" stroke="${theme.paper}" stroke-width="3" paint-order="stroke">${label}</text>`
  }
  return framedSvg(
    frame,
    size,
    theme,
    at => html`${path.length > 1 && html`<polyline fill="none" stroke="${theme.accent}" stroke-width="2" points="${path.map(p => `${at.x(p.x)},${at.y(p.y)}`).join(' ')}"/>`}
${points.toSorted(strongLast).map(point => {
  const [cx, cy] = [at.x(point.x), at.y(point.y)]
  const colour = point.strong ? theme.accent : theme.soft
  const [left, right] = (point.xInterval ?? []).map(at.x)
  const [low, high] = (point.yInterval ?? []).map(at.y)
  return html`<g><title>${point.title}</title>
${left !== undefined && html`<line x1="${left}" x2="${right}" y1="${cy}" y2="${cy}" stroke="${colour}" stroke-opacity=".35"/>`}
${low !== undefined && html`<line x1="${cx}" x2="${cx}" y1="${low}" y2="${high}" stroke="${colour}" stroke-opacity=".35"/>`}
<circle cx="${cx}" cy="${cy}" r="${point.strong ? 5 : 3.5}" fill="${colour}" stroke="${theme.paper}"/>
${point.label !== undefined && labelAt(Number(cx), Number(cy), point.label, point.strong ?? false)}
</g>
`
})}`,
  )
}

/** Where a label may stand beside its point, from the best place on: right above, right below, left above, left below. */
const besides = [
  [7, -6],
  [7, 15],
  [-7, -6],
  [-7, 15],
] as const

/** The room of a label of the size 11. */
interface Box {
  readonly left: number
  readonly base: number
  readonly width: number
}

/** @param x where a label begins that is right of its point, or where one ends that is left of it */
function boxOf(x: number, base: number, label: string, isLeft: boolean): Box {
  const width = 6.5 * label.length
  return { left: isLeft ? x - width : x, base, width }
}

const overlap = (a: Box, b: Box) =>
  a.left < b.left + b.width && b.left < a.left + a.width && Math.abs(a.base - b.base) < 11

const strongLast = (a: PlotPoint, b: PlotPoint) => Number(a.strong ?? false) - Number(b.strong ?? false)

interface Scale {
  /** Where a value is, in units of the picture. */
  at(value: number): number
  readonly ticks: readonly { readonly at: number; readonly text: string }[]
}

function scaleOf(axis: PlotAxis, values: readonly number[], range: readonly [number, number]): Scale {
  const { names, scale = 'linear', reversed = false, tight = names !== undefined } = axis
  const transform = scale === 'log' ? Math.log : (value: number) => value
  let [low, high] = names ? [0, names.length - 1] : [Math.min(...values), Math.max(...values)]
  const pad = names || low === high ? 0.5 : 0
  if (scale === 'linear') [low, high] = [low - pad, high + pad]
  else if (low === high) [low, high] = [low / 2, high * 2]
  const [from, to] = [transform(low), transform(high)]
  const room = tight ? 0 : 0.05
  const at = (value: number) => {
    const share = room + (1 - 2 * room) * ((transform(value) - from) / (to - from))
    return range[0] + (reversed ? 1 - share : share) * (range[1] - range[0])
  }
  const ticks = names
    ? names.map((text, i) => ({ at: at(i), text }))
    : (scale === 'log' ? logTicks(low, high) : linearTicks(low, high)).map(value => ({
        at: at(value),
        text: shown(value),
      }))
  return { at, ticks }
}

const mostTicks = 9

/** Round numbers within [low, high], three to eight of them: steps of 1, 2 or 5 times a power of ten. */
function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / 6
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough * 0.99)!
  const first = Math.ceil(low / step - 1e-9)
  const count = Math.floor(high / step + 1e-9) - first + 1
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

/** 1, 2 and 5 times powers of ten within [low, high], or powers alone where those are many; both ends where fewer than two. */
function logTicks(low: number, high: number): number[] {
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const factor of [1, 2, 5]) {
      const value = Number((factor * 10 ** power).toPrecision(12))
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push(value)
    }
  if (ticks.length > mostTicks) return ticks.filter(value => Number.isInteger(Number(Math.log10(value).toFixed(9))))
  return ticks.length < 2 ? [low, high] : ticks
}

function shown(value: number): string {
  return String(Number(value.toPrecision(4)))
}
