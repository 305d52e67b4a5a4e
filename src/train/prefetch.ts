/**
 * make(from), ..., make(to - 1), each begun while the one before it is used.
 * @param discard given a value that was made and is not wanted any more, because the consumer stops early
 */
export async function* prefetch<T>(
  make: (index: number) => Promise<T>,
  from: number,
  to: number,
  discard: (value: T) => void,
): AsyncGenerator<T, void, void> {
  const begin = (index: number) => {
    const value = make(index)
    // It is reported when it is awaited, not before.
    value.catch(() => {})
    return value
  }
  let next = from < to ? begin(from) : undefined
  try {
    for (let index = from; index < to; index++) {
      const value = await next!
      next = index + 1 < to ? begin(index + 1) : undefined
      yield value
    }
  } finally {
    await next?.then(discard, () => {})
  }
}
