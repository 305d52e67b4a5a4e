/** Who every picture of a data set shows and which part of it they belong to; nobody is in two parts. */
import { createHash } from 'node:crypto'
import { basename, dirname, extname, join } from 'node:path'
import { UserError } from '../util/errors.ts'
import { readRegularText } from '../util/regular-file.ts'
import type { DatasetManifest } from './manifest.ts'
import type { SourcePicture } from './sources/source.ts'

export interface Placed {
  readonly picture: SourcePicture
  readonly identity: string
  readonly split: string
}

/**
 * Gives every picture its identity and its split. Where people are unknown nobody is held out, since photos of one person
 * would come apart, unless the source says who is.
 * @param known who CelebA's files say the pictures show
 * @throws UserError when the source itself puts one person into two parts, or does not say who is where
 */
export function placePictures(
  manifest: DatasetManifest,
  pictures: readonly SourcePicture[],
  known?: Identities,
): Placed[] {
  const isKnown = identitiesKnown(manifest, pictures, known)
  const places = new Map<string, string>()
  return pictures.map(picture => {
    const identity = picture.identity ?? identityOf(manifest, picture.id, known)
    const split = manifest.split === 'source' ? sourceSplit(picture) : isKnown ? splitOf(manifest, identity) : 'train'
    const before = places.get(identity) ?? split
    if (before !== split)
      throw new UserError(
        `expected everybody in one part of the data set, found ${identity} in ${before} and in ${split} (${picture.id}): use 'split: hash'`,
      )
    places.set(identity, split)
    return { picture, identity, split }
  })
}

/**
 * Which part of the data set a person belongs to: `test` where the first eight hexadecimal digits of sha256(name), modulo
 * ten, are below `heldOutTenths`. A person's photos never come apart, and no list needs keeping.
 */
export function splitOf({ heldOutTenths }: DatasetManifest, identity: string): 'train' | 'test' {
  const digits = createHash('sha256').update(identity).digest('hex').slice(0, 8)
  return Number.parseInt(digits, 16) % 10 < heldOutTenths ? 'test' : 'train'
}

/** Whether people are known, or each picture counts as a person of its own. */
export function identitiesKnown(
  { identities }: DatasetManifest,
  pictures: readonly SourcePicture[],
  known?: Identities,
) {
  return identities === 'folder' || known !== undefined || pictures.every(({ identity }) => identity !== undefined)
}

/** Who is held out for tests of a data set, in words. */
export function heldOut({ split, heldOutTenths, identities }: DatasetManifest): string {
  if (split === 'source') return 'held out for tests as the source says'
  if (heldOutTenths === 0) return 'nobody held out for tests'
  const where = identities === 'folder' ? '' : ', where it is known who is who'
  return `${heldOutTenths} tenths of them held out for tests${where}`
}

/**
 * What it means for a prepared data set that nobody knows who is who, in a line.
 * @param splits names of its splits
 * @param identities how its people would be known; undefined where its preparation did not write that down
 */
export function unknownPeople(splits: readonly string[], identities?: DatasetManifest['identities']): string {
  const each = 'nobody knows who is who here: each picture counts as a person of its own'
  if (splits.some(name => name !== 'train'))
    return `${each}, so that photos of one person can be in more than one split`
  const wanted =
    identities === 'celeba-hq'
      ? `${mappingFile} and ${identityFile}, beside the photos or in the folder that --identities names`
      : 'a manifest that says who is who (identities, identityColumn)'
  return `${each}, and nobody is held out for tests; what a test split needs is ${wanted}`
}

function identityOf({ identities, title }: DatasetManifest, id: string, known?: Identities): string {
  if (identities === 'folder') {
    const folder = dirname(id)
    // A row without a path is named by its Parquet file, which is nobody.
    if (folder !== '.' && extname(folder) !== '.parquet') return basename(folder)
    throw new UserError(
      `${title}: expected a folder for each person, found ${id} in none: give the folder above them, or of Parquet files the 'identityColumn'`,
    )
  }
  return known ? known(id) : id
}

function sourceSplit({ id, split }: SourcePicture): string {
  if (split) return split
  throw new UserError(`expected ${id} to be below train/, validation/ or test/: use 'split: hash', or move it there`)
}

// Who the pictures of CelebA-HQ show. CelebA-HQ numbers its 30,000 pictures anew; its file CelebA-HQ-to-CelebA-mapping.txt says
// which picture of CelebA each was, and CelebA's identity_CelebA.txt says who that shows.

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
