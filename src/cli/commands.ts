import type { ArgumentsCamelCase, Argv } from 'yargs'

/** What a command's file exports. It imports tensors only inside of its handler, so that its --help is instant. */
export interface CommandModule {
  /** As yargs reads it: the name, then positional arguments: 'anonymize <inputs..>'. */
  command: string
  // biome-ignore lint/suspicious/noExplicitAny: each command has options of its own
  builder: (yargs: Argv<any>) => Argv<any>
  // biome-ignore lint/suspicious/noExplicitAny: and its handler reads those
  handler: (argv: ArgumentsCamelCase<any>) => void | Promise<void>
}

export interface CommandEntry {
  /** One line for the list of commands. */
  describe: string
  load: () => Promise<CommandModule>
}

/** Every command by name, in the order of --help. A command's file is loaded only when the command is named. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  dataset: { describe: 'prepare a data set of faces for training', load: () => import('./dataset.ts') },
}
