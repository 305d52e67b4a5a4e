import { useState } from 'preact/hooks'
import { messageOf, recover } from '../state.ts'

/** The original back, from a protected photo and its key. */
export function Recover() {
  const [picture, setPicture] = useState<File>()
  const [key, setKey] = useState<File>()
  const [secret, setSecret] = useState({ passphrase: '', identity: '' })
  const [result, setResult] = useState<{ name: string; url: string }>()
  const [problem, setProblem] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const take = (files: FileList | null) => {
    for (const file of files ?? []) {
      if (file.name.endsWith('.dpkey')) setKey(file)
      else setPicture(file)
    }
  }
  const run = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      const { name, blob } = await recover(picture!, key!, secret)
      if (result) URL.revokeObjectURL(result.url)
      setResult({ name, url: URL.createObjectURL(blob) })
    } catch (error) {
      setProblem(messageOf(error))
    } finally {
      setBusy(false)
    }
  }
  return (
    <section
      class="recover"
      aria-label="Recover an original"
      onDrop={event => {
        event.preventDefault()
        event.stopPropagation()
        take(event.dataTransfer?.files ?? null)
      }}
    >
      <p class="lead">A protected photo and its key give the original back.</p>
      <form class="fields" onSubmit={event => event.preventDefault()}>
        <label>
          Protected photo
          <input type="file" accept="image/*" onChange={event => take(event.currentTarget.files)} />
          {picture && <span class="hint">{picture.name}</span>}
        </label>
        <label>
          Key (.dpkey)
          <input type="file" accept=".dpkey" onChange={event => take(event.currentTarget.files)} />
          {key && <span class="hint">{key.name}</span>}
        </label>
        <label>
          Passphrase, if it has one
          <input
            type="password"
            autocomplete="current-password"
            value={secret.passphrase}
            onInput={event => setSecret({ passphrase: event.currentTarget.value, identity: '' })}
          />
        </label>
        <label>
          or age identity
          <input
            type="password"
            autocomplete="off"
            placeholder="AGE-SECRET-KEY-…"
            value={secret.identity}
            onInput={event => setSecret({ passphrase: '', identity: event.currentTarget.value })}
          />
        </label>
      </form>
      <button type="button" class="primary" disabled={!picture || !key || isBusy} onClick={run}>
        {isBusy ? 'Recovering…' : 'Recover'}
      </button>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {result && (
        <figure class="recovered">
          <img src={result.url} alt="The recovered original" />
          <a class="button" href={result.url} download={result.name}>
            Download {result.name}
          </a>
        </figure>
      )}
    </section>
  )
}
