/** What a file of tensors is to those who load weights from it, whatever its format. */
import type { UserError } from '../util/errors.ts'
import type { Dtype } from './dtype.ts'

/** A tensor as it lies in a file. */
export interface TensorInfo {
  readonly dtype: Dtype
  readonly shape: readonly number[]
}

export interface TensorFile {
  readonly path: string
  /** As a person says it: 'safetensors', 'PyTorch checkpoint', ... */
  readonly format: string
  /** Every tensor by name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** What the file says of itself: strings by name, often none. */
  readonly metadata: Readonly<Record<string, string>>
  /**
   * The values of one of `tensors`, row-major, widened or converted to float32. Only they are read from the file.
   * @throws UserError naming file and tensor when the file does not hold them
   */
  read(name: string): Promise<Float32Array>
  close(): Promise<void>
}

/** Makes the mistake of a file that is not as its format wants it: "PATH WHAT". */
export type Wrong = (what: string) => UserError

/** A name out of a file as a message shows it: quoted, on one line, and not longer than a person reads. */
export function quoted(name: string): string {
  return `'${clip(name.slice(0, 200).replace(/\p{C}/gu, '?'))}'`
}

/** A value out of a file as a message shows it: of a list its first parts, and none of theirs, which may be endless. */
export function shown(value: unknown): string {
  if (!Array.isArray(value)) return part(value)
  const more = value.length > 8 ? `, ... ${value.length} in all` : ''
  return `[${value.slice(0, 8).map(part).join(', ')}${more}]`
}

function part(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? '[...]' : '{...}'
  return value === undefined ? 'nothing' : clip(String(value))
}

const clip = (text: string): string => (text.length > 120 ? `${text.slice(0, 100)}...` : text)
