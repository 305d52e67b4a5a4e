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
 * The path of `name` below `folder`. Refused are empty names, absolute ones, those with '..' or '.' as a part, backslashes,
 * drives, control characters, devices of Windows; on Windows also colons and parts that end in a dot or a space, which it
 * would take for another name.
 * @param name with '/' between its parts, as it stands in a file
 * @param source the file that it stands in, for the message
 * @throws UserError that names the source, the name and what is wrong with it
 */
export function joinUntrusted(folder: string, name: string, source: string, platform = process.platform): string {
  const problem = problemOf(name, platform === 'win32')
  if (problem) throw new UserError(`${source} names ${shown(name)}, which ${problem}: nothing is done with it`)
  return join(folder, name)
}

/**
 * As `joinUntrusted`; refuses links on the way too, which would lead out of the folder. What is not there yet is no link.
 * @throws UserError
 */
export async function joinUnlinked(folder: string, name: string, source: string): Promise<string> {
  const path = joinUntrusted(folder, name, source)
  await refuseLinks(folder, name, source)
  return path
}

/** @throws UserError when a part of `name` below `folder` is a link that leads out of it */
export async function refuseLinks(folder: string, name: string, source: string): Promise<void> {
  let at = resolve(folder)
  for (const part of name.split('/')) {
    at = join(at, part)
    const stats = await lstat(at).catch(() => undefined)
    if (!stats) return
    if (!stats.isSymbolicLink()) continue
    const [root, target] = await Promise.all([realpath(folder), realpath(at).catch(() => undefined)])
    if (target === undefined || !`${target}${sep}`.startsWith(`${root}${sep}`))
      throw new UserError(
        `${source} names ${shown(name)}, which leads out of ${folder} by a link: remove the link ${at}`,
      )
  }
}

/**
 * The path of a name below `folder` that this program has written down itself, of a file that a person may have called as
 * strangely as the system allows.
 * @throws UserError for one that is not below the folder
 */
export function joinOwn(folder: string, name: string, source: string): string {
  if (process.platform === 'win32') return joinUntrusted(folder, name, source)
  if (name.includes('\0') || name.split('/').some(part => ['', '.', '..'].includes(part)))
    throw new UserError(`${source} names ${shown(name)}, which leads out of its folder: nothing is done with it`)
  return join(folder, name)
}

function problemOf(name: string, onWindows: boolean): string | undefined {
  if (name === '') return 'is empty'
  if (/\p{Cc}/u.test(name)) return 'has control characters'
  if (name.includes('\\')) return 'has a backslash'
  if (name.startsWith('/')) return 'is an absolute path'
  if (/^[a-z]:/i.test(name)) return 'begins with a drive of Windows'
  if (onWindows && name.includes(':')) return 'has a colon, as streams of Windows do'
  for (const part of name.split('/')) {
    if (part === '..') return 'leads out of its folder'
    if (part === '' || part === '.') return 'has an empty part'
    if (onWindows && /[. ]$/.test(part)) return 'has a part that ends in a dot or a space'
    if (reserved.test(part)) return 'is a device of Windows'
    if (Buffer.byteLength(part) > longestPart) return `has a part of more than ${longestPart} bytes`
  }
  return undefined
}

function shown(name: string): string {
  const text = name.slice(0, 100).replace(/\p{C}/gu, '?')
  return `'${name.length > 100 ? `${text}...` : text}'`
}
