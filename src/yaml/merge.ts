/** Trees of plain mappings, as YAML makes them: merged, looked into and changed by dotted path, never in place. */
export type Mapping = { readonly [key: string]: unknown }

export type Path = readonly (string | number)[]

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * `over` laid upon `under`: mappings merge key by key, anything else (lists too) is replaced whole. Built from entries,
 * so that a key such as '__proto__' stays a key and changes no prototype.
 */
export function merge(under: unknown, over: unknown): unknown {
  if (!isMapping(under) || !isMapping(over)) return over
  const merged = new Map(Object.entries(under))
  for (const [key, value] of Object.entries(over))
    merged.set(key, merged.has(key) ? merge(merged.get(key), value) : value)
  return Object.fromEntries(merged)
}

/** The value at `path`, and whether there is one: a key that holds `undefined` or `null` is there. */
export function lookUp(tree: unknown, path: Path): { found: boolean; value?: unknown } {
  let value = tree
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return { found: false }
    value = (value as Record<string | number, unknown>)[key]
  }
  return { found: true, value }
}

/**
 * `tree` with `value` at `path`. Mappings on the way are made where there are none; a number steps into a list that is
 * there already.
 */
export function replaceAt(tree: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  if (Array.isArray(tree) && /^\d+$/.test(String(key)) && Number(key) <= tree.length)
    return [...tree.slice(0, Number(key)), replaceAt(tree[Number(key)], rest, value), ...tree.slice(Number(key) + 1)]
  const entries = new Map(isMapping(tree) ? Object.entries(tree) : [])
  return Object.fromEntries(entries.set(String(key), replaceAt(entries.get(String(key)), rest, value)))
}

/** A path as a person writes it: train.optimizer.rate, layers.0.width. */
export function dotted(path: Path): string {
  return path.join('.')
}

/** A tree of plain values as one mapping from dotted keys: { 'optimizer.beta1': 0.9 }. Lists stand as JSON. */
export function flatten(tree: unknown, path: Path = []): Record<string, string | number | boolean> {
  if (isMapping(tree))
    return Object.assign({}, ...Object.entries(tree).map(([key, value]) => flatten(value, [...path, key])))
  if (tree === undefined) return {}
  const isScalar = typeof tree === 'string' || typeof tree === 'number' || typeof tree === 'boolean'
  return { [dotted(path)]: isScalar ? tree : JSON.stringify(tree) }
}
