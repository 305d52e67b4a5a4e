import { backend, type PhotoState, removePhoto, retry } from '../state.ts'
import { Compare } from './compare.tsx'
import { Face } from './face.tsx'
import { SaveOne } from './save.tsx'

/** One photo: before and after, its faces, and what can be done with it. */
export function Photo({ photo }: { photo: PhotoState }) {
  const { id, name, status, problem, found, faces } = photo
  return (
    <article class="photo" aria-label={name}>
      <div class="title">
        <h2>{name}</h2>
        <button type="button" class="quiet" onClick={() => removePhoto(id)} aria-label={`Remove ${name}`}>
          Remove
        </button>
      </div>
      {status === 'failed' ? (
        <p class="problem" role="alert">
          {problem}{' '}
          <button type="button" onClick={() => retry(id)}>
            Try again
          </button>
        </p>
      ) : (
        <Compare photo={photo} />
      )}
      {(status === 'waiting' || status === 'searching') && (
        <p class="hint">{status === 'waiting' ? 'Waiting for its turn' : 'Looking for faces…'}</p>
      )}
      {status === 'protecting' && <Progress photo={photo} />}
      {status !== 'failed' && found && faces.length === 0 && (
        <p class="notice">No face found. The smallest face that would be found here is {found.smallest} pixels wide.</p>
      )}
      {status !== 'failed' && found && found.doubtful.length > 0 && (
        <p class="notice">
          {found.doubtful.length === 1 ? 'One place' : `${found.doubtful.length} places`} may show a face, too weakly to
          be sure; marked in the picture, and left as {found.doubtful.length === 1 ? 'it is' : 'they are'}. Look at
          {found.doubtful.length === 1 ? ' it' : ' them'} before you publish.
        </p>
      )}
      {status !== 'failed' && faces.length > 0 && (
        <ol class="faces">
          {faces.map((face, i) => (
            <Face
              key={i}
              id={id}
              index={i}
              face={face}
              problem={found!.faces[i]!.problem}
              isBusy={status !== 'ready'}
            />
          ))}
        </ol>
      )}
      {status === 'ready' && <SaveOne photo={photo} />}
    </article>
  )
}

/** How far the faces are, and how long the rest takes. */
function Progress({ photo: { faces } }: { photo: PhotoState }) {
  const wanted = faces.filter(({ choice }) => typeof choice === 'number')
  const done = wanted.reduce((sum, { versions, progress }) => sum + (progress ?? (versions.length > 0 ? 1 : 0)), 0)
  const seconds = backend.value?.secondsAFace
  const left = seconds && Math.ceil((wanted.length - done) * seconds)
  return (
    <div class="progress">
      <progress max={wanted.length} value={done} aria-label="Faces done" />
      <span class="hint">{left ? `about ${left} s left` : 'making new faces…'}</span>
    </div>
  )
}
