/** Names of parameters with and without a prefix, as one checkpoint holds several networks. */
import type { Weights } from './module.ts'

/** `weights` whose names start with `prefix`, without it. */
export function withoutPrefix(weights: Weights, prefix: string): Weights {
  const names = Object.keys(weights).filter(name => name.startsWith(prefix))
  return Object.fromEntries(names.map(name => [name.slice(prefix.length), weights[name]!]))
}

/** `values` with `prefix` before every name. */
export function withPrefix<T>(values: Readonly<Record<string, T>>, prefix: string): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]))
}
