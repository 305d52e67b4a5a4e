/**
 * Encryption in the age format (https://age-encryption.org/v1), by its author's library: what is written here, the
 * program `age` decrypts, and the other way round. The header in the clear holds nothing but what each recipient needs.
 */
import { armor, Decrypter, Encrypter, identityToRecipient } from 'age-encryption'
import { UserError } from '../util/errors.ts'
import { KeyError } from './key.ts'

/** Who can decrypt: whoever knows the passphrase, or any of the recipients. Neither encrypts nothing. */
export interface Encryption {
  readonly passphrase?: string | undefined
  /** Public keys, `age1...`. */
  readonly recipients?: readonly string[] | undefined
  /** The base-2 logarithm of scrypt's N; 18 as in `age` by default. */
  readonly workFactor?: number
}

/** What may decrypt: both may be given, and what fits is used. */
export interface Decryption {
  readonly passphrase?: string | undefined
  /** Private keys, `AGE-SECRET-KEY-1...`. */
  readonly identities?: readonly string[] | undefined
}

const intro = 'age-encryption.org/v1'
const armored = '-----BEGIN AGE ENCRYPTED FILE-----'

/** Whether a file that begins so is encrypted by age, as bytes or as text. */
export function isAge(file: Uint8Array): boolean {
  const head = startOf(file)
  return head.startsWith(intro) || head.startsWith(armored)
}

/** Whether there is anyone to encrypt for. */
export function isEncrypting({ passphrase, recipients = [] }: Encryption): boolean {
  return passphrase !== undefined || recipients.length > 0
}

/**
 * @param plaintext anything
 * @throws UserError for a recipient that is none, or a passphrase beside recipients, which the format does not allow
 */
export async function encrypt(
  plaintext: Uint8Array,
  { passphrase, recipients = [], workFactor }: Encryption,
): Promise<Uint8Array> {
  if (passphrase !== undefined && recipients.length > 0)
    throw new UserError(
      'expected a passphrase or recipients, found both: age encrypts for one or the other, leave one out',
    )
  const encrypter = new Encrypter()
  if (passphrase !== undefined) {
    encrypter.setPassphrase(passphrase.normalize('NFKC'))
    if (workFactor !== undefined) encrypter.setScryptWorkFactor(workFactor)
  }
  for (const recipient of recipients) addRecipient(encrypter, recipient)
  return encrypter.encrypt(plaintext)
}

/** @throws UserError unless `recipient` is a public key of age */
export function checkRecipient(recipient: string): void {
  addRecipient(new Encrypter(), recipient)
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch {
    throw new UserError(
      `expected a recipient of age (age1...), found '${recipient}': age-keygen makes one, and shows it as the public key`,
    )
  }
}

/** @throws UserError unless `identity` is a private key of age; it is not repeated */
export async function recipientOf(identity: string): Promise<string> {
  try {
    return await identityToRecipient(identity)
  } catch {
    throw new UserError('expected identities of age (AGE-SECRET-KEY-1...), found something else: age-keygen makes one')
  }
}

/** Encryption for whoever can decrypt: nobody where nothing is given. @throws UserError as `recipientOf` */
export async function encryptionFor({ passphrase, identities = [] }: Decryption): Promise<Encryption> {
  return identities.length > 0 ? { recipients: await Promise.all(identities.map(recipientOf)) } : { passphrase }
}

/**
 * @param name what messages call the file
 * @throws KeyError: passphrase needed, wrong passphrase, identity needed, wrong identity, truncated or tampered
 */
export async function decrypt(
  file: Uint8Array,
  name: string,
  { passphrase, identities = [] }: Decryption,
): Promise<Uint8Array> {
  const binary = startOf(file).startsWith(armored) ? dearmored(file, name) : file
  const byPassphrase = isForPassphrase(binary)
  const decrypter = new Decrypter()
  if (byPassphrase) {
    if (passphrase === undefined)
      throw new KeyError('passphrase needed', `${name} is encrypted: give its passphrase by --passphrase-file`)
    // The same letters in other forms of Unicode; `age` takes them as they are typed.
    for (const form of new Set([passphrase.normalize('NFKC'), passphrase])) decrypter.addPassphrase(form)
  } else {
    if (identities.length === 0)
      throw new KeyError(
        'identity needed',
        `${name} is encrypted for recipients: give the private key of one by --identity`,
      )
    for (const identity of identities) decrypter.addIdentity(identity)
  }
  try {
    return await decrypter.decrypt(binary)
  } catch (error) {
    if (!/no identity matched/.test((error as Error).message))
      throw new KeyError(
        'tampered',
        `${name}: the encrypted file was changed or cut short since it was written: use an unchanged copy`,
      )
    if (byPassphrase)
      throw new KeyError('wrong passphrase', `${name}: wrong passphrase: give the one that it was encrypted with`)
    throw new KeyError('wrong identity', `${name}: no --identity fits: give that of one of its recipients`)
  }
}

/** Whether the first stanza of the header is a passphrase's: it is the only one then. */
function isForPassphrase(file: Uint8Array): boolean {
  return startOf(file).startsWith(`${intro}\n-> scrypt `)
}

function dearmored(file: Uint8Array, name: string): Uint8Array {
  try {
    return armor.decode(latin1(file))
  } catch {
    throw new KeyError('tampered', `${name}: the armor of the encrypted file was changed: use an unchanged copy`)
  }
}

function startOf(file: Uint8Array): string {
  return latin1(file.subarray(0, 64))
}

/** A character for each byte. */
function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, byte => String.fromCharCode(byte)).join('')
}
