/** How much is read of files that others made. The defaults are above any real file's; `--limit NAME=VALUE` raises them. */
import { nearestHint, UserError } from './errors.ts'

/** Says the limits to processes that this one starts. */
const variable = 'DIFF_PRIVACY_LIMITS'

/** The limits by name: what each is of, and the default. */
export const limits = {
  megapixels: { of: 'a picture, in megapixels: photos of cameras of today have up to 200', most: 210 },
  entries: { of: 'pictures of an archive or a Parquet file', most: 5_000_000 },
  ratio: { of: 'how many times its packed size an entry of an archive has, from 16 MiB on', most: 200 },
  tensors: { of: 'entries of a PyTorch checkpoint', most: 100_000 },
  text: { of: 'a JSON file, a list or another text, in MiB', most: 256 },
  yaml: { of: 'a YAML file, in KiB', most: 64 },
  depth: { of: 'levels of a YAML file', most: 64 },
  aliases: { of: 'aliases of a YAML file', most: 100 },
} as const

export type LimitName = keyof typeof limits

/** The limit in force: as it was set here or by the process that started this one, else the default. */
export function limit(name: LimitName): number {
  return inForce()[name] ?? limits[name].most
}

/**
 * Sets a limit for this process and those that it starts.
 * @throws UserError unless it is a number above 0
 */
export function setLimit(name: LimitName, value: number): void {
  if (!(value > 0 && Number.isFinite(value)))
    throw new UserError(`expected a limit of ${name} above 0, found ${Number.isNaN(value) ? 'no number' : value}`)
  environment()[variable] = JSON.stringify({ ...inForce(), [name]: value })
}

/** Sets a limit by what a command line says. @throws UserError unless that is NAME=VALUE of a limit */
export function setLimitOf(text: string): void {
  const [name = '', value = ''] = text.split('=', 2)
  if (!Object.hasOwn(limits, name)) {
    const names = Object.keys(limits)
    throw new UserError(
      `expected --limit NAME=VALUE of ${names.join(', ')}, found '${text}'${nearestHint(name, names)}`,
    )
  }
  setLimit(name as LimitName, value === '' ? Number.NaN : Number(value))
}

/** What a message about a limit ends with: how to raise it to what was found. */
export function raising(name: LimitName, found: number): string {
  return `raise it with --limit ${name}=${Math.ceil(found)}`
}

function inForce(): Partial<Record<LimitName, number>> {
  const text = environment()[variable]
  return text === undefined ? {} : JSON.parse(text)
}

/** Of this process; in a browser, which has none, of this module. */
function environment(): Record<string, string | undefined> {
  const { process } = globalThis as { readonly process?: { readonly env: Record<string, string | undefined> } }
  return process?.env ?? ownEnvironment
}

const ownEnvironment: Record<string, string | undefined> = {}
