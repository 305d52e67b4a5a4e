import { useState } from 'preact/hooks'
import type { PhotoState } from '../state.ts'

/** The photo before and after, divided where the slider stands, with its faces numbered. */
export function Compare({ photo: { name, url, result, found } }: { photo: PhotoState }) {
  const [share, setShare] = useState(0)
  const box = ({ x, y, width, height }: { x: number; y: number; width: number; height: number }) => ({
    left: `${(100 * x) / found!.width}%`,
    top: `${(100 * y) / found!.height}%`,
    width: `${(100 * width) / found!.width}%`,
    height: `${(100 * height) / found!.height}%`,
  })
  return (
    <figure class="compare">
      <div class="frame">
        <img src={result ?? url} alt={result ? `${name} with new faces` : `${name}, the original`} />
        {result && (
          <img
            class="before"
            src={url}
            alt={`${name}, the original`}
            style={{ clipPath: `inset(0 ${100 - share}% 0 0)` }}
          />
        )}
        {result && share > 0 && <span class="divider" style={{ left: `${share}%` }} />}
        {found?.faces.map((face, i) => (
          <span key={i} class="marker" style={box(face.box)} aria-hidden="true">
            <b>{i + 1}</b>
          </span>
        ))}
        {found?.doubtful.map((place, i) => (
          <span key={`doubtful ${i}`} class="marker doubtful" style={box(place)} aria-hidden="true">
            <b>?</b>
          </span>
        ))}
      </div>
      {result && (
        <label class="slider">
          <span>After</span>
          <input
            type="range"
            min="0"
            max="100"
            value={share}
            aria-label={`How much of the original of ${name} is shown`}
            aria-valuetext={`${share} % of the original`}
            onInput={event => setShare(Number(event.currentTarget.value))}
          />
          <span>Before</span>
        </label>
      )}
    </figure>
  )
}
