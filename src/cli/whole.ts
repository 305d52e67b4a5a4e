import { UserError } from '../util/errors.ts'

/** @throws UserError for an option, by its name, that is no whole number from 1 on */
export function checkWhole(options: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(options))
    if (!Number.isInteger(value) || value < 1) throw new UserError(`expected --${name} of 1 or more, found ${value}`)
}
