import * as z from 'zod'
import { nearestHint } from '../util/errors.ts'
import { dotted, isMapping, lookUp, type Mapping, type Path } from './merge.ts'

/** One thing that is wrong with a config: where, and in words. */
export interface Problem {
  path: Path
  /** Reads on after the source's name: "'train.stpes' is not a known key (nearest: 'steps')". */
  text: string
}

/** What zod found wrong with `config`, in words that name each key, what was expected there and what was found. */
export function problems(schema: z.ZodType, config: unknown, issues: readonly z.core.$ZodIssue[]): Problem[] {
  return issues.flatMap(issue => {
    const path = issue.path as Path
    const { found, value } = lookUp(config, path)
    const name = path.length > 0 ? `'${dotted(path)}'` : 'the config'
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map(key => ({ path: [...path, key], text: unknownKey(schema, config, path, key) }))
      case 'invalid_type':
        if (!found) return [{ path, text: `${name} is missing: expected ${typeName(issue.expected)}` }]
        return [{ path, text: `${name}: expected ${typeName(issue.expected)}, found ${describe(value)}` }]
      case 'invalid_value': {
        const hint = typeof value === 'string' ? nearestHint(value, issue.values.map(String)) : ''
        const expected = issue.values.map(allowed => describe(allowed)).join(' or ')
        if (!found) return [{ path, text: `${name} is missing: expected ${expected}` }]
        return [{ path, text: `${name}: expected ${expected}, found ${describe(value)}${hint}` }]
      }
      case 'invalid_union': {
        // A union without a discriminator: what its alternatives would have taken, where they agree on the place.
        const expected = issue.errors
          .map(alternative => alternative.find(({ path }) => path.length === 0))
          .flatMap(first => (first?.code === 'invalid_type' ? [typeName(first.expected)] : []))
        if (expected.length === 0 || expected.length < issue.errors.length) break
        return [{ path, text: `${name}: expected ${expected.join(' or ')}, found ${describe(value)}` }]
      }
    }
    return [{ path, text: `${name}: ${lowerFirst(issue.message)}, found ${found ? describe(value) : 'nothing'}` }]
  })
}

function unknownKey(schema: z.ZodType, config: unknown, path: Path, key: string): string {
  const valid = keysAt(schema, config, path).filter(candidate => candidate !== key)
  const hint = nearestHint(key, valid)
  const list = valid.length > 0 ? ` (valid: ${valid.slice(0, 12).join(', ')}${valid.length > 12 ? ', ...' : ''})` : ''
  return `'${dotted([...path, key])}' is not a known key${hint || list}`
}

/** The keys that `schema` knows at `path` of `config`; none where it takes any. */
function keysAt(schema: z.core.$ZodType, config: unknown, path: Path): string[] {
  const here = unwrap(schema)
  const [key, ...rest] = path
  if (here instanceof z.ZodDiscriminatedUnion || here instanceof z.ZodUnion) {
    const options = here.options.map(unwrap).filter(option => agrees(option, config))
    return [...new Set(options.flatMap(option => keysAt(option, config, path)))]
  }
  if (here instanceof z.ZodObject) {
    if (key === undefined) return Object.keys(here.shape)
    const child = here.shape[key]
    return child ? keysAt(child, lookUp(config, [key]).value, rest) : []
  }
  if (key === undefined) return []
  const child = lookUp(config, [key]).value
  if (here instanceof z.ZodArray) return keysAt(here.element, child, rest)
  if (here instanceof z.ZodRecord) return keysAt(here.valueType, child, rest)
  return []
}

/** The schema inside of optional, default, nullable, readonly, lazy and transformed ones. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodPipe) return unwrap(schema.in instanceof z.ZodTransform ? schema.out : schema.in)
  if (schema instanceof z.ZodLazy) return unwrap(schema.unwrap())
  const { innerType } = schema._zod.def as { innerType?: z.core.$ZodType }
  return innerType ? unwrap(innerType) : schema
}

/** Whether the literals of an alternative (its discriminator) are those of `config`. */
function agrees(option: z.core.$ZodType, config: unknown): boolean {
  if (!(option instanceof z.ZodObject) || !isMapping(config)) return true
  return Object.entries(option.shape).every(
    ([key, child]) => !(child instanceof z.ZodLiteral) || child.safeParse(config[key]).success,
  )
}

/** A value as it is written, shortened, with its type where that is not plain to see. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (isMapping(value)) return 'a mapping'
  if (typeof value !== 'string') return String(value)
  return `'${value.length > 40 ? `${value.slice(0, 40)}...` : value}'`
}

/** zod's name of a type, as one says it of YAML. */
function typeName(expected: string): string {
  const names: Record<string, string> = { object: 'a mapping', array: 'a list', int: 'a whole number' }
  return names[expected] ?? `a ${expected}`
}

function lowerFirst(message: string): string {
  const text = message.replace(/^(Invalid input|Too (small|big)|Invalid string|Invalid number): /, '')
  return text.charAt(0).toLowerCase() + text.slice(1)
}

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
