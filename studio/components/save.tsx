import { signal } from '@preact/signals'
import { downloadZip } from 'client-zip'
import { useState } from 'preact/hooks'
import { messageOf, type PhotoState, photos, type SavedFile, type SaveRequest, save } from '../state.ts'

/** How pictures and keys are written, for all photos. */
const request = signal<SaveRequest>({ format: 'jpeg', passphrase: '', recipients: '' })

function offer({ name, blob }: SavedFile): void {
  const url = URL.createObjectURL(blob)
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

function useSaving() {
  const [state, setState] = useState<{ isBusy: boolean; problem?: string }>({ isBusy: false })
  const run = async (work: () => Promise<void>) => {
    setState({ isBusy: true })
    try {
      await work()
      setState({ isBusy: false })
    } catch (error) {
      setState({ isBusy: false, problem: messageOf(error) })
    }
  }
  return { ...state, run }
}

export function SaveOne({ photo: { id, name } }: { photo: PhotoState }) {
  const { isBusy, problem, run } = useSaving()
  return (
    <div class="save">
      <button
        type="button"
        class="primary"
        disabled={isBusy}
        onClick={() => run(async () => (await save(id, request.value)).forEach(offer))}
      >
        {isBusy ? 'Writing…' : 'Download photo and key'}
        <span class="visually-hidden"> of {name}</span>
      </button>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  )
}

/** Settings of what is written, and all photos in one file. */
export function SaveAll() {
  const { isBusy, problem, run } = useSaving()
  const ready = photos.value.filter(({ status }) => status === 'ready')
  const set = (change: Partial<SaveRequest>) => {
    request.value = { ...request.value, ...change }
  }
  const all = async () => {
    const files: SavedFile[] = []
    for (const { id } of ready) files.push(...(await save(id, request.value)))
    const taken = new Set<string>()
    const named = files.map(({ name, blob }) => ({ name: free(name, taken), input: blob }))
    offer({ name: 'protected photos.zip', blob: await downloadZip(named).blob() })
  }
  return (
    <section class="save-all" aria-label="Download">
      <h2>Download</h2>
      <p class="hint">
        A key brings the original back, to whoever has it. Give a passphrase, or the public age key of who may recover:
        without either the key is not encrypted.
      </p>
      <form class="fields" onSubmit={event => event.preventDefault()}>
        <label>
          Passphrase for keys
          <input
            type="password"
            autocomplete="new-password"
            value={request.value.passphrase}
            onInput={event => set({ passphrase: event.currentTarget.value, recipients: '' })}
          />
        </label>
        <label>
          or age recipients
          <input
            type="text"
            placeholder="age1…"
            value={request.value.recipients}
            onInput={event => set({ recipients: event.currentTarget.value, passphrase: '' })}
          />
        </label>
        <label>
          Format
          <select
            value={request.value.format}
            onChange={event => set({ format: event.currentTarget.value as SaveRequest['format'] })}
          >
            <option value="jpeg">JPEG</option>
            <option value="png">PNG</option>
          </select>
        </label>
      </form>
      {ready.length > 1 && (
        <button type="button" class="primary" disabled={isBusy} onClick={() => run(all)}>
          {isBusy ? 'Writing…' : `Download all ${ready.length} as one zip`}
        </button>
      )}
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </section>
  )
}

/** The name, or the next one that is free. */
function free(name: string, taken: Set<string>): string {
  const match = /^(.*?)((?:\.(?:anonymized|hidden))?\.[^.]*)$/.exec(name)
  let candidate = name
  for (let i = 2; taken.has(candidate); i++) candidate = match ? `${match[1]}-${i}${match[2]}` : `${name}-${i}`
  taken.add(candidate)
  return candidate
}
