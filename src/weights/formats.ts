/** The formats of files of tensors. Modules import this one as '#formats': browsers read fewer (formats.browser.ts). */
import type { Bytes } from './bytes.ts'
import { isOnnx, openOnnx } from './onnx.ts'
import { isPickle, isZip, openPytorchLegacy, openPytorchZip } from './pytorch-containers.ts'
import { isSafetensors, openSafetensors } from './safetensors.ts'
import type { TensorFile } from './tensor-file.ts'
import { isJson, openTfjsManifest } from './tfjs-manifest.ts'

interface Format {
  /** Whether a file that begins with these bytes, up to 512 of them, is in this format. */
  readonly is: (head: Buffer) => boolean
  readonly open: (bytes: Bytes) => Promise<TensorFile>
}

export const formats: readonly Format[] = [
  { is: isZip, open: openPytorchZip },
  { is: isSafetensors, open: openSafetensors },
  { is: isPickle, open: openPytorchLegacy },
  { is: isJson, open: openTfjsManifest },
  { is: isOnnx, open: openOnnx },
]
