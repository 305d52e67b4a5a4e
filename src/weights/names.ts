/**
 * Invertible tables from the names of our parameters to the names that the same tensors have in a file. A table is a list
 * of pairs of dotted prefixes; the longest that fits a name is replaced, so that a pair may stand for one tensor, one
 * layer, or the whole network.
 */

/** [our prefix, the file's prefix]; an empty one stands for every name. */
export type Pair = readonly [ours: string, theirs: string]

export interface NameTable {
  readonly pairs: readonly Pair[]
  /** What every name of the table begins with in the file; empty, or up to and with a dot. */
  readonly scope: string
  /** The name in the file of one of our parameters; undefined when the table has none for it. */
  theirs(ours: string): string | undefined
  /** Our name of a tensor of the file; undefined when the table has none for it. */
  ours(theirs: string): string | undefined
}

/** @throws Error when two pairs share a side, so that the table could not be inverted */
export function nameTable(pairs: readonly Pair[]): NameTable {
  const forward = new Map(pairs)
  const backward = new Map(pairs.map(([ours, theirs]) => [theirs, ours]))
  if (forward.size !== pairs.length || backward.size !== pairs.length) {
    throw new Error('a name table has two pairs with one side alike: it cannot be inverted')
  }
  const scope = commonPrefix([...backward.keys()])
  return { pairs, scope, theirs: name => replace(name, forward), ours: name => replace(name, backward) }
}

/** The table of `inner` within a larger one: all its names stand under these prefixes. */
export function within(ours: string, theirs: string, inner: readonly Pair[]): Pair[] {
  return inner.map(([a, b]) => [join(ours, a), join(theirs, b)])
}

function replace(name: string, prefixes: ReadonlyMap<string, string>): string | undefined {
  for (let end = name.length; end >= 0; end = end === 0 ? -1 : Math.max(name.lastIndexOf('.', end - 1), 0)) {
    const replacement = prefixes.get(name.slice(0, end))
    if (replacement !== undefined) return join(replacement, name.slice(end === 0 ? 0 : end + 1))
  }
  return undefined
}

/** The dotted names that all of these begin with, a dot after them. */
function commonPrefix([first = '', ...others]: readonly string[]): string {
  const parts = first.split('.')
  const differs = parts.findIndex((part, i) => others.some(other => other.split('.')[i] !== part))
  return parts
    .slice(0, differs < 0 ? parts.length : differs)
    .filter(Boolean)
    .map(part => `${part}.`)
    .join('')
}

const join = (...parts: string[]): string => parts.filter(Boolean).join('.')
