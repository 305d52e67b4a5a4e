import { UserError } from '../util/errors.ts'

export type KeyProblem =
  | 'not a key file'
  | 'newer version'
  | 'truncated'
  | 'tampered'
  | 'passphrase needed'
  | 'wrong passphrase'
  | 'identity needed'
  | 'wrong identity'
  | 'not encrypted'
  | 'another picture'

/** Why a key cannot be used, by name. */
export class KeyError extends UserError {
  readonly problem: KeyProblem

  constructor(problem: KeyProblem, message: string) {
    super(message)
    this.problem = problem
  }
}

export function tampered(name: string): KeyError {
  return new KeyError('tampered', `${name}: the key file has been changed since it was written: use an unchanged copy`)
}
