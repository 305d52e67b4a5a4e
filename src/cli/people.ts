import type { Argv } from 'yargs'

/** Whose faces `evaluate methods` and `reproduce` protect, and in how many processes. Adds --count, --seed and --jobs. */
export const peopleOptions = <Options>(yargs: Argv<Options>) =>
  yargs
    .option('count', { type: 'number', default: 200, describe: 'people whose faces are protected' })
    .option('seed', { type: 'number', default: 1, describe: 'chooses the people, and is that of the recipes' })
    .option('jobs', { type: 'number', default: 1, describe: 'processes that protect faces side by side' })

export interface PeopleArguments {
  count: number
  seed: number
  jobs: number
}
