import { UserError } from '../src/errors.ts'

/** Runs a bench as a command: a user's mistake ends in one line and exit code 2. */
export async function command(main: () => Promise<void>): Promise<void> {
  try {
    await main()
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    console.error(error.message)
    process.exitCode = 2
  }
}
