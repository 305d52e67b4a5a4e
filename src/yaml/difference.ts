import { dotted, isMapping, type Mapping, type Path } from './merge.ts'
import { describe } from './problems.ts'

/**
 * Where two trees of plain values differ: "train.batchSize (16 before, 32 now)". Lists are compared whole.
 * @param path where the trees stand in their config
 */
export function differences(before: unknown, now: unknown, path: Path = []): string[] {
  if (isMapping(before) && isMapping(now)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])]
    return keys.flatMap(key => differences(valueAt(before, key), valueAt(now, key), [...path, key]))
  }
  if (JSON.stringify(before) === JSON.stringify(now)) return []
  return [`${dotted(path)} (${shown(before)} before, ${shown(now)} now)`]
}

const valueAt = (mapping: Mapping, key: string) => (Object.hasOwn(mapping, key) ? mapping[key] : undefined)

const shown = (value: unknown) => (Array.isArray(value) ? JSON.stringify(value) : describe(value))
