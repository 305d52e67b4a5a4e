/** What the folders of a command line are. */
import { UserError } from '../util/errors.ts'
import type { VariantFolders } from './eval-set.ts'

/** Folders by what they hold. */
export interface NamedFolders {
  /** One a sample. */
  readonly protected: readonly string[]
  readonly recovered?: string
  /** NAME=DIR. */
  readonly control: readonly string[]
  readonly guessed?: string
}

/**
 * The versions that a protocol measures: protected pictures, and recovered ones where there are some.
 * @throws UserError when the folder that the protocol is about is not named
 */
export function variantsOf(protocol: 'anonymize' | 'hide' | 'recover', folders: NamedFolders): VariantFolders[] {
  const { protected: samples, recovered, control, guessed } = folders
  if (protocol === 'recover' && recovered === undefined)
    throw new UserError("expected --recovered, the folder of recovered pictures, to measure 'recover', found none")
  if (protocol !== 'recover' && samples.length === 0)
    throw new UserError(`expected --protected, the folder of protected pictures, to measure '${protocol}', found none`)
  const controls = control.map(pair => {
    const [name, folder] = splitOnce(pair)
    if (!folder || !name || ['original', 'protected', 'recovered', 'guessed'].includes(name))
      throw new UserError(`expected --control NAME=DIR with a name of its own, found '${pair}'`)
    return { name, kind: 'control', folders: [folder] } as const
  })
  const names = controls.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new UserError(`expected one --control called ${twice}, found two: rename one of them`)
  return [
    ...(samples.length > 0 ? [{ name: 'protected', kind: 'protected', folders: samples } as const] : []),
    ...(recovered === undefined ? [] : [{ name: 'recovered', kind: 'recovered', folders: [recovered] } as const]),
    ...controls,
    ...(guessed === undefined ? [] : [{ name: 'guessed', kind: 'guess', folders: [guessed] } as const]),
  ]
}

function splitOnce(pair: string): [string, string | undefined] {
  const at = pair.indexOf('=')
  return at < 0 ? [pair, undefined] : [pair.slice(0, at), pair.slice(at + 1)]
}
