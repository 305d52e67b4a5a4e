import { useState } from 'preact/hooks'
import { announcement, isBusy, photos } from '../state.ts'
import { DropZone } from './drop-zone.tsx'
import { Limits } from './limits.tsx'
import { Photo } from './photo.tsx'
import { Recover } from './recover.tsx'
import { SaveAll } from './save.tsx'
import { Settings } from './settings.tsx'
import { Status } from './status.tsx'

const tabs = { protect: 'Protect photos', recover: 'Recover originals' } as const
type Tab = keyof typeof tabs

export function App() {
  const [tab, setTab] = useState<Tab>('protect')
  return (
    <>
      <header>
        <h1>Diff-Privacy studio</h1>
        <p>New faces for the people in your photos. Nothing leaves this computer.</p>
        <nav aria-label="What to do">
          {Object.entries(tabs).map(([name, title]) => (
            <button
              key={name}
              type="button"
              class="tab"
              aria-current={tab === name ? 'page' : undefined}
              onClick={() => setTab(name as Tab)}
            >
              {title}
            </button>
          ))}
        </nav>
      </header>
      <main>
        <p class="visually-hidden" role="status" aria-live="polite">
          {announcement.value}
        </p>
        {tab === 'recover' ? (
          <Recover />
        ) : (
          <>
            <DropZone isSmall={photos.value.length > 0} />
            {photos.value.length > 0 && <Settings isBusy={isBusy.value} />}
            {photos.value.map(photo => (
              <Photo key={photo.id} photo={photo} />
            ))}
            {photos.value.length > 0 && <SaveAll />}
          </>
        )}
        <Status />
      </main>
      <footer>
        <Limits />
      </footer>
    </>
  )
}
