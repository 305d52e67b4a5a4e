import { useEffect, useRef, useState } from 'preact/hooks'
import { addPhotos } from '../state.ts'

const accepted = 'image/jpeg,image/png,image/webp,image/avif,image/heic,image/heif,.heic,.heif'

/** Photos are dropped anywhere on the page, or chosen. */
export function DropZone({ isSmall }: { isSmall: boolean }) {
  const input = useRef<HTMLInputElement>(null)
  const [isOver, setOver] = useState(false)
  useEffect(() => {
    const over = (event: DragEvent) => {
      event.preventDefault()
      setOver(true)
    }
    const leave = (event: DragEvent) => {
      if (!event.relatedTarget) setOver(false)
    }
    const drop = (event: DragEvent) => {
      event.preventDefault()
      setOver(false)
      addPhotos([...(event.dataTransfer?.files ?? [])])
    }
    window.addEventListener('dragover', over)
    window.addEventListener('dragleave', leave)
    window.addEventListener('drop', drop)
    return () => {
      window.removeEventListener('dragover', over)
      window.removeEventListener('dragleave', leave)
      window.removeEventListener('drop', drop)
    }
  }, [])
  return (
    <section class={`drop-zone ${isSmall ? 'small' : ''} ${isOver ? 'over' : ''}`} aria-label="Add photos">
      {!isSmall && <p class="lead">Drop photos here</p>}
      <button type="button" class={isSmall ? '' : 'primary'} onClick={() => input.current?.click()}>
        {isSmall ? 'Add photos' : 'Choose photos'}
      </button>
      <p class="hint">{isSmall ? 'or drop them anywhere on this page' : 'JPEG, PNG, WebP, AVIF or HEIC'}</p>
      <input
        ref={input}
        type="file"
        accept={accepted}
        multiple
        class="visually-hidden"
        tabIndex={-1}
        aria-label="Photos"
        onChange={event => {
          addPhotos([...(event.currentTarget.files ?? [])])
          event.currentTarget.value = ''
        }}
      />
    </section>
  )
}
