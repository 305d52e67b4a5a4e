import type { Argv } from 'yargs'
import type { CommandModule } from './command.ts'
import * as images from './evaluate/images.ts'
import * as methods from './evaluate/methods.ts'
import * as model from './evaluate/model.ts'
import * as msi from './evaluate/msi.ts'
import * as thresholds from './evaluate/thresholds.ts'

/** What can be evaluated. */
const subjects = { images, methods, model, msi, thresholds }

export const command = 'evaluate'

export const builder = (yargs: Argv) => {
  for (const subject of Object.values(subjects))
    yargs.command(subject as unknown as Parameters<Argv['command']>[0] & object)
  return yargs.demandCommand(1, `expected what to evaluate: ${Object.keys(subjects).join(', ')}`)
}

export const handler: CommandModule['handler'] = () => {}
