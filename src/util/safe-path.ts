/**
 * Names that come out of files (records of runs, data sets, manifests, archives) joined to a folder: the one function
 * that makes a path of them, so that nothing is written, removed or looked for outside of that folder.
 */
import { lstat, realpath } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { UserError } from './errors.ts'

/** What Windows takes for a device, whatever its extension. */
const reserved = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)/i

/** Longest name of a file or folder, in bytes of UTF-8, that file systems in use take. */
const longestPart = 255

/**
 * The path of `name` below `folder`. The same names are refused on every system, so that what one machine writes is safe on
 * another: empty ones, absolute ones, those with '..' or '.' as a part, backslashes, drives and streams (':'), control
 * characters, devices of Windows, parts that end in a dot or a space.
 * @param name with '/' between its parts, as it stands in a file
 * @param source the file that it stands in, for the message
 * @throws UserError that names the source, the name and what is wrong with it
 */
export function joinUntrusted(folder: string, name: string, source: string): string {
  const problem = problemOf(name)
  if (problem) throw new UserError(`${source} names ${shown(name)}, which ${problem}: nothing is done with it`)
  return join(folder, name)
}

/**
 * As `joinUntrusted`; refuses links on the way too, which would lead out of the folder. What is not there yet is no link.
 * @throws UserError
 */
export async function joinUnlinked(folder: string, name: string, source: string): Promise<string> {
  const path = joinUntrusted(folder, name, source)
  let at = resolve(folder)
  for (const part of name.split('/')) {
    at = join(at, part)
    const stats = await lstat(at).catch(() => undefined)
    if (!stats) break
    if (!stats.isSymbolicLink()) continue
    const [root, target] = await Promise.all([realpath(folder), realpath(at).catch(() => undefined)])
    if (target === undefined || !`${target}${sep}`.startsWith(`${root}${sep}`))
      throw new UserError(
        `${source} names ${shown(name)}, which leads out of ${folder} by a link: remove the link ${at}`,
      )
  }
  return path
}

function problemOf(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (/\p{Cc}/u.test(name)) return 'has control characters'
  if (name.includes('\\')) return 'has a backslash'
  if (name.startsWith('/')) return 'is an absolute path'
  if (name.includes(':')) return 'has a colon, as drives and streams of Windows do'
  for (const part of name.split('/')) {
    if (part === '..') return 'leads out of its folder'
    if (part === '' || part === '.') return 'has an empty part'
    if (/[. ]$/.test(part)) return 'has a part that ends in a dot or a space'
    if (reserved.test(part)) return 'is a device of Windows'
    if (Buffer.byteLength(part) > longestPart) return `has a part of more than ${longestPart} bytes`
  }
  return undefined
}

function shown(name: string): string {
  const text = name.slice(0, 100).replace(/\p{C}/gu, '?')
  return `'${name.length > 100 ? `${text}...` : text}'`
}
