import { dotted, isMapping, type Path } from './merge.ts'

/** A tree of plain values as one mapping from dotted keys: { 'optimizer.beta1': 0.9 }. Lists stand as JSON. */
export function flatten(tree: unknown, path: Path = []): Record<string, string | number | boolean> {
  if (isMapping(tree))
    return Object.assign({}, ...Object.entries(tree).map(([key, value]) => flatten(value, [...path, key])))
  if (tree === undefined) return {}
  const isScalar = typeof tree === 'string' || typeof tree === 'number' || typeof tree === 'boolean'
  return { [dotted(path)]: isScalar ? tree : JSON.stringify(tree) }
}
