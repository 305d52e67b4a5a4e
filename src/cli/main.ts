/** The program: runs its command line, and turns what goes wrong into one line and an exit code. */
import { asUserError, oneLine, UserError } from '../util/errors.ts'
import { run } from './program.ts'

const debug = process.argv.includes('--debug')

/** Says what went wrong and ends the process: 2 for a mistake of the user's, 1 for one of ours. */
function fail(thrown: unknown): never {
  const error = asUserError(thrown)
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  const line = oneLine(message)
  const hint = debug ? '' : ' (run again with --debug for the stack)'
  process.stderr.write(`diff-privacy: ${error instanceof UserError ? line : `unexpected: ${line}${hint}`}\n`)
  if (debug) process.stderr.write(`${stack}\n`)
  process.exit(error instanceof UserError ? 2 : 1)
}

// A reader that has seen enough, as in `diff-privacy --help | head -1`, is no error.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? process.exit(0) : fail(error)))

// A command that has something to finish first listens too; a second Ctrl-C does not wait for it.
let interrupts = 0
process.on('SIGINT', () => {
  if (++interrupts > 1 || process.listenerCount('SIGINT') === 1) process.exit(130)
})
// Left to itself it would end the process without what is cleaned up at the exit.
process.on('SIGTERM', () => {
  if (process.listenerCount('SIGTERM') === 1) process.exit(143)
})
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

await run(process.argv.slice(2)).catch(fail)
