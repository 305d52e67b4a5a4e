/** Reads configs: YAML files laid upon each other and checked against a schema. */

import { parse } from 'yaml'
import type * as z from 'zod'
import { canonicalPath, pathBeside } from '#paths'
import { readRegularText } from '#text-files'
import { UserError } from '../util/errors.ts'
import { limit, raising } from '../util/limits.ts'
import { isMapping, lookUp, type Mapping, merge, type Path, replaceAt } from './merge.ts'
import { describe, problems } from './problems.ts'

export interface ConfigSources {
  /** A YAML file; its key `extends: other.yaml` names a file, relative to it, that it is laid upon. */
  path?: string
  /** What the file is laid upon. */
  base?: Mapping
  /** 'dotted.key=value', the value read as YAML; laid upon all else, in order. */
  overrides?: readonly string[]
}

/** Part of a config, with the name that a message calls it by. */
interface Layer {
  source: string
  value: Mapping
}

/**
 * Reads a config: `base`, then the files from the innermost `extends` outwards, then the overrides; mappings merge,
 * anything else replaces. The result has the schema's defaults filled in. Keep schemas strict (`z.strictObject`) and of
 * plain YAML values, so that an unknown key is refused and the result can be written down as JSON.
 * @throws UserError that names the file, the key, what was expected there, and near names for an unknown key; of
 *   several problems it lists three
 */
export async function loadConfig<S extends z.ZodType>(
  schema: S,
  { path, base = {}, overrides = [] }: ConfigSources = {},
): Promise<z.output<S>> {
  const layers: Layer[] = [{ source: 'the built-in config', value: base }]
  if (path !== undefined) layers.push(...(await readLayers(path, [])))
  let config: unknown = layers.reduce<unknown>((under, { value }) => merge(under, value), {})
  for (const override of overrides) {
    const { path: key, value } = parseOverride(override)
    config = replaceAt(config, key, value)
    layers.push({ source: `--set ${override}`, value: replaceAt({}, key, value) as Mapping })
  }

  const result = schema.safeParse(config)
  if (result.success) return result.data
  const fallback = path ?? 'the config'
  const lines = problems(schema, config, result.error.issues).map(
    problem => `${sourceOf(layers, problem.path) ?? fallback}: ${problem.text}`,
  )
  const more = lines.length > 3 ? `; and ${lines.length - 3} more` : ''
  throw new UserError(lines.slice(0, 3).join('; ') + more)
}

/** A 'dotted.key=value' taken apart, the value read as YAML: 'train.rates=[1e-4, 1e-5]'. */
function parseOverride(override: string): { path: string[]; value: unknown } {
  const sign = override.indexOf('=')
  const path = override.slice(0, Math.max(sign, 0)).trim().split('.')
  if (sign < 0 || path.some(key => key === ''))
    throw new UserError(`expected an override such as train.steps=100, found '${override}'`)
  return { path, value: parseYaml(override.slice(sign + 1), `--set ${override}`) }
}

/** The file at `path` and all that it extends, innermost first. */
async function readLayers(path: string, chain: readonly string[]): Promise<Layer[]> {
  const file = await canonicalPath(path)
  if (chain.includes(file))
    throw new UserError(
      `${path}: 'extends' comes back to this file (${[...chain, file].join(' -> ')}): break the circle`,
    )
  const text = await readRegularText(file).catch((error: Error & { code?: string }) => {
    const named = chain.length > 0 ? `, which ${chain.at(-1)} extends` : ''
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.message
    throw new UserError(`expected a config file at ${path}${named}: ${why}`)
  })
  const value = parseYaml(text, path) ?? {}
  if (!isMapping(value)) throw new UserError(`${path}: expected a mapping of keys to values, found ${describe(value)}`)
  const { extends: parent, ...own } = value
  if (parent === undefined) return [{ source: path, value: own }]
  if (typeof parent !== 'string')
    throw new UserError(`${path}: 'extends': expected the name of one file, found ${describe(parent)}`)
  return [...(await readLayers(pathBeside(file, parent), [...chain, file])), { source: path, value: own }]
}

function parseYaml(text: string, source: string): unknown {
  const most = 1024 * limit('yaml')
  if (text.length > most)
    throw new UserError(
      `${source}: expected YAML of at most ${most} characters, found ${text.length}: ${raising('yaml', text.length / 1024)}`,
    )
  const depth = Math.max(deepestFlow(text), deepestBlock(text))
  if (depth > limit('depth'))
    throw new UserError(
      `${source}: expected YAML of at most ${limit('depth')} levels, found ${depth}: ${raising('depth', depth)}`,
    )
  try {
    const value: unknown = parse(text, { logLevel: 'error', prettyErrors: true, maxAliasCount: limit('aliases') })
    checkDepth(value, source)
    return value
  } catch (error) {
    if (error instanceof UserError) throw error
    // The parser's message goes on with an excerpt of the file.
    throw new UserError(`${source}: expected YAML: ${(error as Error).message.split('\n')[0]!.replace(/:$/, '')}`)
  }
}

/** How deep brackets are in each other, at least: the parser goes into each before anything else can be said. */
function deepestFlow(text: string): number {
  let [depth, deepest] = [0, 0]
  for (const character of text) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth)
    else if (character === ']' || character === '}') depth = Math.max(0, depth - 1)
  }
  return deepest
}

/** How deep blocks are in each other, at most: each begins to the right of the one around it, after marks and spaces of two. */
function deepestBlock(text: string): number {
  const widths = text.split('\n').map(line => /^[\s?-]*/.exec(line)![0].length)
  return Math.floor(widths.reduce((most, width) => Math.max(most, width), 0) / 2)
}

/** @throws UserError for a value that is too deep, or in itself */
function checkDepth(value: unknown, source: string, depth = 0): void {
  if (depth > limit('depth'))
    throw new UserError(`${source}: expected YAML of at most ${limit('depth')} levels, found more`)
  if (typeof value !== 'object' || value === null) return
  for (const part of Object.values(value)) checkDepth(part, source, depth + 1)
}

/** The last layer that speaks of `path`; for a key that is missing, none. */
function sourceOf(layers: readonly Layer[], path: Path): string | undefined {
  return layers.findLast(({ value }) => path.length > 0 && lookUp(value, path).found)?.source
}
