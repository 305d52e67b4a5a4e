import type { FaceEntry } from '../data/face-store.ts'
import { nearestHint } from '../util/did-you-mean.ts'
import { UserError } from '../util/errors.ts'

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
