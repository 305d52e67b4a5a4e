/**
 * A mistake that the person at the keyboard can put right: printed as one line, without a stack, and ends the process
 * with exit code 2. The message says what was expected, what was found and what to do.
 */
export class UserError extends Error {
  override readonly name = 'UserError'
}
