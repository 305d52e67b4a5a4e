import { backend, downloads } from '../state.ts'

const names: Record<string, string> = {
  webgpu: 'WebGPU, on the graphics processor',
  webgl: 'WebGL, on the graphics processor',
  wasm: 'WebAssembly, on the processor',
  cpu: 'JavaScript, which is slow',
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`

/** What computes, how long a face takes, and how far the models' download is. */
export function Status() {
  const { loaded, total } = downloads.value
  if (!backend.value && total === 0) return null
  return (
    <section class="status" aria-label="Status">
      {backend.value && <span>Computes by {names[backend.value.name] ?? backend.value.name}.</span>}
      {backend.value?.secondsAFace && <span>One face takes {Math.round(backend.value.secondsAFace)} s.</span>}
      {loaded < total && (
        <span class="progress">
          <progress max={total} value={loaded} aria-label="Models loaded" /> Loading models: {megabytes(loaded)} of{' '}
          {megabytes(total)}
        </span>
      )}
    </section>
  )
}
