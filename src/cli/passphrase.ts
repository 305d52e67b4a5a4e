import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Argv } from 'yargs'
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
