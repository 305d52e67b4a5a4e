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
