/** Whether a classifier says of a protected face what it says of the original. */
import type { Definition } from './definition.ts'
import { type Proportion, proportion } from './proportion.ts'

export const agreementDefinition: Definition = {
  id: 'attribute-agreement',
  name: 'Attribute agreement',
  unit: 'share, 0..1',
  text:
    'Share of the faces of which a named classifier gives the same most probable label (expression, gender) in the ' +
    "original and the other picture, among those found both times. It is agreement with the classifier's own answer, not " +
    'with the truth.',
  source: "the share of equal labels; its interval is Wilson's",
}

export const ageDifferenceDefinition: Definition = {
  id: 'age-difference',
  name: 'Age difference',
  unit: 'years',
  text:
    'Mean absolute difference of the ages that a named network estimates in the original and the other picture, among ' +
    'faces found both times.',
  source: 'mean absolute error',
}

/** The share of equal labels. */
export function agreement<Label>(a: readonly Label[], b: readonly Label[]): Proportion {
  sameCount('agreement', a, b)
  return proportion(a.filter((label, i) => label === b[i]).length, a.length)
}

/** The mean absolute difference of two lists of ages. */
export function ageDifference(a: readonly number[], b: readonly number[]): number {
  sameCount('ageDifference', a, b)
  return a.reduce((sum, age, i) => sum + Math.abs(age - b[i]!), 0) / a.length
}

function sameCount(caller: string, a: readonly unknown[], b: readonly unknown[]): void {
  if (a.length !== b.length || a.length === 0)
    throw new Error(`${caller}: expected as many faces, at least one, found ${a.length} and ${b.length}`)
}
