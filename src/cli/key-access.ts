/** The options by which commands are told for whom keys are encrypted, and with what they are decrypted. */

import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Argv } from 'yargs'
import type { Decryption, Encryption } from '../keys/age.ts'
import { UserError } from '../util/errors.ts'
import { readSecretText } from '../util/regular-file.ts'

/** The variable of the environment that may hold the passphrase. */
export const passphraseVariable = 'DIFF_PRIVACY_PASSPHRASE'

export interface PassphraseOptions {
  /** Its first line is the passphrase. */
  passphraseFile?: string
  /** Ask for it on a terminal when it is given in no other way; 'twice' when a typing mistake would lose a key. */
  ask?: boolean | 'twice'
}

/** The option of every command that takes a passphrase. Never the passphrase itself: others can read command lines. */
export function passphraseOption<T>(yargs: Argv<T>) {
  return yargs.option('passphrase-file', {
    type: 'string',
    describe: `file whose first line is the passphrase of the keys [or ${passphraseVariable} in the environment]`,
  })
}

/**
 * The passphrase from the file, else from the environment, else asked for on a terminal without showing it.
 * @returns undefined when it is given nowhere and cannot be asked for
 * @throws UserError when the file cannot be read, or the passphrase is empty
 */
export async function readPassphrase({
  passphraseFile,
  ask = false,
}: PassphraseOptions = {}): Promise<string | undefined> {
  if (passphraseFile !== undefined) return notEmpty(await firstLine(passphraseFile), passphraseFile)
  const variable = process.env[passphraseVariable]
  if (variable !== undefined) return notEmpty(variable, passphraseVariable)
  if (!ask || !process.stdin.isTTY || !process.stderr.isTTY) return undefined
  const passphrase = notEmpty(await prompt('Passphrase of the key: '), 'the terminal')
  if (ask === 'twice' && (await prompt('The same again: ')) !== passphrase)
    throw new UserError('expected the same passphrase twice, found two different ones: start again')
  return passphrase
}

async function firstLine(path: string): Promise<string> {
  const text = await readSecretText(path).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.message
    throw new UserError(`expected a passphrase in ${path}: ${why}`)
  })
  return text.replace(/^\uFEFF/, '').split(/\r?\n/, 1)[0]!
}

function notEmpty(passphrase: string, source: string): string {
  if (passphrase === '')
    throw new UserError(`expected a passphrase in ${source}, found none: write one, or leave it out`)
  return passphrase
}

function prompt(question: string): Promise<string> {
  process.stderr.write(question)
  // readline on a terminal turns its echo off and echoes itself, here to nowhere.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  const reader = createInterface({ input: process.stdin, output, terminal: true })
  return new Promise((resolve, reject) => {
    const end = (act: () => void) => {
      reader.removeAllListeners('close').close()
      process.stderr.write('\n')
      act()
    }
    reader.on('line', line => end(() => resolve(line)))
    reader.on('SIGINT', () => end(() => process.kill(process.pid, 'SIGINT')))
    reader.on('close', () => end(() => reject(new UserError('expected a passphrase, found the end of the input'))))
  })
}

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
  if (keys.length === 0) throw new UserError(`expected ${what} in ${path}, found none: write one per line`)
  return keys
}
