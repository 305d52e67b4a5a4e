import type { Argv } from 'yargs'

/** What a command's file exports. It imports tensors only inside of its handler, so that its --help is instant. */
export interface CommandModule {
  /** As yargs reads it: the name, then positional arguments: 'anonymize <inputs..>'. */
  command: string
  builder: (yargs: Argv) => unknown
  /** Reads the options that its own builder made; no other type holds for all commands. */
  handler: (argv: never) => void | Promise<void>
}
