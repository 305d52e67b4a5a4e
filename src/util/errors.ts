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
