/** The formats of tensor files that browsers read: those that this project's own weights are in. @see formats.ts */
import type { Bytes } from '#bytes'
import { isSafetensors, openSafetensors } from './safetensors.ts'
import type { TensorFile } from './tensor-file.ts'
import { isJson, openTfjsManifest } from './tfjs-manifest.ts'

interface Format {
  readonly is: (head: Uint8Array) => boolean
  readonly open: (bytes: Bytes) => Promise<TensorFile>
}

export const formats: readonly Format[] = [
  { is: isSafetensors, open: openSafetensors },
  { is: isJson, open: openTfjsManifest },
]
