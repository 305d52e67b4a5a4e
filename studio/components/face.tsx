import type { Check, Choice } from '../engine.ts'
import { addVersions, choose, type FaceState, task } from '../state.ts'

const treatments = { protect: 'New face', cover: 'Blur', leave: 'Leave' } as const

interface FaceProps {
  id: string
  index: number
  face: FaceState
  problem: string | undefined
  isBusy: boolean
}

/** One face: what becomes of it, its versions to choose from, and what a held-out recognizer says of each. */
export function Face({ id, index, face: { choice, versions, progress }, problem, isBusy }: FaceProps) {
  const kind = typeof choice === 'number' ? 'protect' : choice
  const name = `face ${index + 1}`
  return (
    <li class="face">
      <fieldset>
        <legend>Face {index + 1}</legend>
        <div class="treatments">
          {Object.entries(treatments).map(([value, text]) => (
            <label key={value}>
              <input
                type="radio"
                name={`${id}-${index}`}
                checked={kind === value}
                disabled={isBusy || (value === 'protect' && problem !== undefined)}
                onChange={() =>
                  choose(id, index, value === 'protect' ? Math.max(0, versions.length - 1) : (value as Choice))
                }
              />
              {text}
            </label>
          ))}
        </div>
        {problem && <p class="notice">It cannot be given a new face ({problem}), so it is blurred.</p>}
        {kind === 'leave' && <p class="notice">This person stays recognisable.</p>}
      </fieldset>
      {kind === 'protect' && (
        <fieldset class="versions" aria-label={`Versions of ${name}`}>
          {versions.map(({ url, check }, i) => (
            <button
              key={url}
              type="button"
              class="version"
              aria-pressed={choice === i}
              disabled={isBusy}
              onClick={() => choose(id, index, i)}
            >
              <img src={url} alt={`Version ${i + 1} of ${name}`} />
              {check && <Verdict check={check} />}
            </button>
          ))}
          {progress !== undefined && (
            <div class="version making">
              <progress max={1} value={progress} aria-label={`Making ${name}`} />
            </div>
          )}
          {!isBusy && versions.length > 0 && (
            <button type="button" class="more" onClick={() => addVersions(id, index, versions.length === 1 ? 2 : 1)}>
              {versions.length === 1 ? 'Two more to choose from' : 'Another one'}
            </button>
          )}
        </fieldset>
      )}
    </li>
  )
}

const recognizers: Record<string, string> = { mobilefacenet: 'MobileFaceNet', faceres: 'faceres', dlib: 'dlib' }

/** What the recognizer says, in words. */
function Verdict({ check: { recognizer, similarity, threshold, passed } }: { check: Check }) {
  const isHidden = task.value === 'hide'
  const said = passed === isHidden ? 'recognised' : 'not recognised'
  return (
    <span class={`verdict ${passed ? 'passed' : 'failed'}`}>
      <b>{passed ? '✓' : '!'}</b> {said} by {recognizers[recognizer] ?? recognizer}
      <small>
        likeness {similarity.toFixed(2)}; from {threshold.toFixed(2)} on it counts as the same person
      </small>
    </span>
  )
}
