/** Plain values with typed arrays as JSON, for queues: bytes and float32 numbers are kept bit by bit, as base64. */

const tag = '$base64'

/** The kinds of typed arrays that are kept, by the name that JSON holds. */
const kinds = { uint8: Uint8Array, float32: Float32Array } as const

type Kind = keyof typeof kinds

/** A value whose typed arrays are objects of strings, so that JSON keeps all of it. */
export function toJson(value: unknown): unknown {
  for (const kind of Object.keys(kinds) as Kind[])
    if (value instanceof kinds[kind]) {
      const { buffer, byteOffset, byteLength } = value
      return { [tag]: Buffer.from(buffer, byteOffset, byteLength).toString('base64'), kind }
    }
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, toJson(part)]))
}

/** The value that `toJson` was given. */
export function fromJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromJson)
  if (typeof value !== 'object' || value === null) return value
  const { [tag]: text, kind } = value as Record<string, unknown>
  if (typeof text === 'string' && typeof kind === 'string' && kind in kinds) {
    const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
    return kind === 'uint8' ? bytes : new Float32Array(bytes.buffer)
  }
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, fromJson(part)]))
}
