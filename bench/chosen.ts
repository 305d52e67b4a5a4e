import { UserError } from '../src/util/errors.ts'

/**
 * Those of `all` whose names are listed in `only`, in their order.
 * @param only names with commas between them
 * @throws UserError for a name that none of them has
 */
export function chosen<T extends { readonly name: string }>(all: readonly T[], only: string): T[] {
  const names = only.split(',')
  const known = all.map(({ name }) => name)
  const unknown = names.find(name => !known.includes(name))
  if (unknown !== undefined) throw new UserError(`--only: expected some of ${known.join(', ')}, found '${unknown}'`)
  return all.filter(({ name }) => names.includes(name))
}
