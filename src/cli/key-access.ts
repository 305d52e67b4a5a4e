/** The options by which commands are told for whom keys are encrypted, and with what they are decrypted. */
import type { Argv } from 'yargs'
import type { Decryption, Encryption } from '../keys/age.ts'
import { UserError } from '../util/errors.ts'
import { readSecretText } from '../util/regular-file.ts'
import { passphraseOption, readPassphrase } from './passphrase.ts'

export interface EncryptionArguments {
  readonly passphraseFile?: string
  readonly recipient?: readonly string[]
  readonly recipientsFile?: string
}

export interface DecryptionArguments {
  readonly passphraseFile?: string
  readonly identity?: readonly string[]
}

export function encryptionOptions<T>(yargs: Argv<T>) {
  return passphraseOption(yargs)
    .option('recipient', {
      type: 'string',
      array: true,
      conflicts: 'passphrase-file',
      describe: 'who can recover: a public key of age (age1...); repeat it for several',
    })
    .option('recipients-file', {
      type: 'string',
      conflicts: 'passphrase-file',
      describe: 'file of such public keys, one a line',
    })
}

export function decryptionOptions<T>(yargs: Argv<T>) {
  return passphraseOption(yargs).option('identity', {
    type: 'string',
    array: true,
    describe: 'file of private keys of age (AGE-SECRET-KEY-1...), as age-keygen writes it; repeat it for several',
  })
}

/**
 * For whom keys are encrypted: recipients that are named, else whoever knows the passphrase.
 * @throws UserError for a recipient that is none, and a file that cannot be read or names none
 */
export async function readEncryption({
  passphraseFile,
  recipient = [],
  recipientsFile,
}: EncryptionArguments): Promise<Encryption> {
  const listed = recipientsFile === undefined ? [] : await keysIn(recipientsFile, 'recipients of age (age1...)')
  const recipients = [...recipient, ...listed]
  if (recipients.length === 0) return { passphrase: await readPassphrase({ passphraseFile }) }
  const { checkRecipient } = await import('../keys/age.ts')
  for (const one of recipients) checkRecipient(one)
  return { recipients }
}

/**
 * What keys are decrypted with.
 * @param ask for a passphrase on the terminal, where none is given
 * @throws UserError for a file that cannot be read or holds no identity
 */
export async function readDecryption(
  { passphraseFile, identity = [] }: DecryptionArguments,
  ask = false,
): Promise<Decryption> {
  const { recipientOf } = await import('../keys/age.ts')
  const identities: string[] = []
  for (const file of identity) {
    const found = await keysIn(file, 'identities of age (AGE-SECRET-KEY-1...)')
    await Promise.all(found.map(recipientOf)).catch((error: Error) => {
      throw new UserError(`${file}: ${error.message}`)
    })
    identities.push(...found)
  }
  return { passphrase: await readPassphrase({ passphraseFile, ask }), identities }
}

/** The lines of a file of keys, but comments and empty ones, as `age` reads it. */
async function keysIn(path: string, what: string): Promise<string[]> {
  const text = await readSecretText(path).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.message
    throw new UserError(`expected ${what} in ${path}: ${why}`)
  })
  const lines = text.split(/\r?\n/).map(line => line.trim())
  const keys = lines.filter(line => line !== '' && !line.startsWith('#'))
  if (keys.length === 0) throw new UserError(`expected ${what} in ${path}, found none: write one a line`)
  return keys
}
