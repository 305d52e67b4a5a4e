/**
 * A mistake that the person at the keyboard can put right: printed as one line, without a stack, and ends the process
 * with exit code 2. The message says what was expected, what was found and what to do.
 */
export class UserError extends Error {
  override readonly name = 'UserError'

  constructor(message: string) {
    super(oneLine(message))
  }
}

/** A message on one line, whatever of a file is quoted in it: a terminal obeys some control characters. */
export function oneLine(message: string): string {
  return message.replace(/\s*[\p{Cc}\u2028\u2029]+\s*/gu, ' ')
}

/** What of the system's errors a person can put right, wherever they come from. */
const mendable: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: make room',
  EDQUOT: 'the disk is full: make room',
  EROFS: 'the disk is read-only: choose another place',
  EACCES: 'no permission: choose another place',
  ENAMETOOLONG: 'the name is too long: choose a shorter one',
  ELOOP: 'its links lead in a circle: name the file itself',
}

/** A system's error that a person can put right as the mistake that it is; anything else as it is. */
export function asUserError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { code = '', path } = error as Error & { readonly code?: string; readonly path?: string }
  const what = mendable[code]
  return what ? new UserError(path === undefined ? what : `${path}: ${what}`) : error
}

// Names like the one that was meant: for messages about an unknown key, a missing tensor, a mistyped option.

/** Levenshtein's edit distance: insertions, deletions and substitutions of one character cost 1 each. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(substitution, previous[j]! + 1, row[j - 1]! + 1))
    }
    previous = row
  }
  return previous[b.length]!
}

/** The candidates nearest to `name`, nearest first, none that differs in more than half of its characters. */
export function nearest(name: string, candidates: Iterable<string>, count = 3): string[] {
  const tooFar = (candidate: string, distance: number) => distance > Math.max(name.length, candidate.length) / 2
  return [...candidates]
    .filter(candidate => !tooFar(candidate, Math.abs(candidate.length - name.length))) // a bound that costs nothing
    .map(candidate => ({ candidate, distance: editDistance(name, candidate) }))
    .filter(({ candidate, distance }) => !tooFar(candidate, distance))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate)
}

/** " (nearest: 'a', 'b')" on one line, or nothing when no candidate is near. */
export function nearestHint(name: string, candidates: Iterable<string>, count = 3): string {
  const names = nearest(name, candidates, count)
  return names.length > 0 ? ` (nearest: ${names.map(n => `'${n.replace(/\p{C}/gu, '?')}'`).join(', ')})` : ''
}
