/** Checks that validation uses people who are not in the training set. */
import { dirname, resolve } from 'node:path'
import { type FaceEntry, readIndex } from '../data/face-store.ts'
import { summaryOf } from '../data/prepare.ts'
import { nearestHint, UserError } from '../util/errors.ts'

/** Whom MSI is trained for: everybody, one person, or one picture. */
export type Subject = 'everybody' | { readonly identity: string } | { readonly image: string }

/**
 * Numbers of the subject's faces.
 * @throws UserError that names the nearest when there is no such person or picture
 */
export function facesOf(subject: Subject, entries: readonly FaceEntry[]): number[] {
  if (subject === 'everybody') return entries.map((_, i) => i)
  const [kind, name, names] =
    'identity' in subject
      ? ['a person', subject.identity, entries.map(({ identity }) => identity)]
      : ['a picture', subject.image, entries.map(({ id }) => id)]
  const found = names.flatMap((other, i) => (other === name ? [i] : []))
  if (found.length > 0) return found
  throw new UserError(
    `expected ${kind} of the prepared faces, found '${name}'${nearestHint(name, new Set(names))}: choose another subject`,
  )
}

/** A face, and the data set that it is of, where its preparation said so. */
interface Face extends FaceEntry {
  readonly dataset: string | undefined
}

/**
 * Refuses prepared faces to validate on that show people who are trained on. Pictures of unknown people are left out, whose
 * identity is their path; nor is a name in one data set the same person as in another, since names may be no more than numbers.
 * @param faces folders of training faces
 * @param validate folders of validation faces
 * @param subject the subset of `faces` that is trained on
 * @throws UserError that names one of them, and says how many there are
 */
export async function checkOtherPeople(
  faces: readonly string[],
  validate: readonly string[],
  subject: Subject,
): Promise<void> {
  const all = await facesIn(faces)
  const trained = facesOf(subject, all).map(i => all[i]!)
  const datasets = new Map<string, Set<string | undefined>>()
  for (const { identity, dataset } of trained.filter(isKnown))
    datasets.set(identity, (datasets.get(identity) ?? new Set()).add(dataset))
  const isTrained = ({ identity, dataset }: Face) => {
    const found = datasets.get(identity)
    return found !== undefined && (dataset === undefined || found.has(undefined) || found.has(dataset))
  }
  const known = (await facesIn(validate)).filter(isKnown)
  const both = [...new Set(known.filter(isTrained).map(({ identity }) => identity))]
  if (both.length === 0) return
  const found = both.length === 1 ? `one person, ${both[0]}` : `${both.length} people, such as ${both[0]}`
  throw new UserError(
    `expected nobody in both --faces and --validate, found ${found}: validate on faces of other people`,
  )
}

const isKnown = ({ id, identity }: Face) => identity !== id

async function facesIn(folders: readonly string[]): Promise<Face[]> {
  const faces: Face[] = []
  for (const folder of folders) {
    const { entries } = await readIndex(folder)
    const dataset = (await summaryOf(dirname(resolve(folder))))?.dataset
    faces.push(...entries.map(entry => ({ ...entry, dataset })))
  }
  return faces
}
