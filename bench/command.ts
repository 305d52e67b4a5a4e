import { UserError } from '../src/util/errors.ts'

/** Runs a bench as a command: a user's mistake, also in its options, ends in one line and exit code 2. */
export async function command(main: () => Promise<void>): Promise<void> {
  try {
    await main()
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (!(error instanceof UserError) && !code.startsWith('ERR_PARSE_ARGS_')) throw error
    console.error(message)
    process.exitCode = 2
  }
}
