/** What takes long and is wanted often is done once. What failed is no result: the next to ask has it tried again. */

/** `make`, done once for each key. */
export function oncePer<Key, Result>(make: (key: Key) => Promise<Result>): (key: Key) => Promise<Result> {
  const made = new Map<Key, Promise<Result>>()
  return key => {
    const known = made.get(key)
    if (known) return known
    const result = make(key).catch(error => {
      made.delete(key)
      throw error
    })
    made.set(key, result)
    return result
  }
}

/** `make`, done once. */
export function once<Result>(make: () => Promise<Result>): () => Promise<Result> {
  const per = oncePer<undefined, Result>(make)
  return () => per(undefined)
}
