import type { Strength, Task } from '../engine.ts'
import { cancel, makeAgain, strength, task } from '../state.ts'

const tasks: Record<Task, string> = {
  anonymize: 'Anonymize: machines no longer recognise the person',
  hide: 'Hide: people see another person, machines still recognise this one',
}
const words: Record<Strength, string> = { gentle: 'Gentle', usual: 'Usual', strong: 'Strong' }

/** What all photos have in common. */
export function Settings({ isBusy }: { isBusy: boolean }) {
  return (
    <section class="settings" aria-label="Settings">
      <label>
        Purpose
        <select
          value={task.value}
          disabled={isBusy}
          onChange={event => {
            task.value = event.currentTarget.value as Task
            makeAgain()
          }}
        >
          {Object.entries(tasks).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label>
        Strength
        <select
          value={strength.value}
          disabled={isBusy}
          onChange={event => {
            strength.value = event.currentTarget.value as Strength
            makeAgain()
          }}
        >
          {Object.entries(words).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      </label>
      {isBusy && (
        <button type="button" class="quiet" onClick={cancel}>
          Cancel
        </button>
      )}
    </section>
  )
}
