/**
 * Who the pictures of CelebA-HQ show. CelebA-HQ numbers its 30,000 pictures anew; its file CelebA-HQ-to-CelebA-mapping.txt
 * says which picture of CelebA each was, and CelebA's identity_CelebA.txt says who that shows.
 */
import { basename, join } from 'node:path'
import { UserError } from '../util/errors.ts'
import { readRegularText } from '../util/regular-file.ts'

export const mappingFile = 'CelebA-HQ-to-CelebA-mapping.txt'
export const identityFile = 'identity_CelebA.txt'

/** A picture's path -> who it shows. */
export type Identities = (id: string) => string

/**
 * The people of CelebA-HQ, from the two files in `folder`; undefined where it has neither.
 * @throws UserError when it has only one of them, or they are not as they should be
 */
export async function celebaIdentities(folder: string): Promise<Identities | undefined> {
  const paths = [mappingFile, identityFile].map(name => join(folder, name)) as [string, string]
  const [mapping, identities] = await Promise.all(paths.map(path => readRegularText(path).catch(() => undefined)))
  if (mapping === undefined && identities === undefined) return undefined
  if (mapping === undefined || identities === undefined) {
    const [there, missing] = mapping === undefined ? [identityFile, mappingFile] : [mappingFile, identityFile]
    throw new UserError(
      `expected ${missing} beside ${there} in ${folder}, found only one of them: people are told apart by both; fetch it, or move the other away`,
    )
  }
  const original = new Map(table(mapping, paths[0], /^(\d+)\s+\d+\s+(\S+)$/, 1)) // after a line of headings
  const people = new Map(table(identities, paths[1], /^(\S+)\s+(\d+)$/, 0))
  return id => {
    // A row of a Parquet file without paths has no number of CelebA-HQ, nor an extension.
    const number = /^\D*(\d+)\.\w+$/.exec(basename(id))?.[1]
    const file = number && original.get(String(Number(number)))
    const person = file && people.get(file)
    if (person) return `celeba-${person}`
    throw new UserError(
      `expected pictures named by their numbers in CelebA-HQ, such as 17.jpg or 00017.png, found ${id}: rename them, or move ${mappingFile} and ${identityFile} away`,
    )
  }
}

/** The two fields of every line that `line` finds, after `headings` lines. */
function table(text: string, path: string, line: RegExp, headings: number): [string, string][] {
  return text
    .trim()
    .split(/\r?\n/)
    .slice(headings)
    .map((found, i) => {
      const fields = line.exec(found.trim())
      if (fields) return [fields[1]!, fields[2]!]
      throw new UserError(
        `${path}: expected line ${i + 1 + headings} to be like ${line.source}, found '${found.slice(0, 60)}'`,
      )
    })
}
