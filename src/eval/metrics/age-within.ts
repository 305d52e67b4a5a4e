import type { Definition } from './definition.ts'

/** Years that an age may change by. */
export const ageTolerance = 10

export const ageWithinDefinition: Definition = {
  id: 'age-within',
  name: 'Age kept',
  unit: 'share, 0..1',
  text:
    `Share of the pictures of which a named network estimates the age of the face in the original and in the protected one ` +
    `within ${ageTolerance} years of each other, both cut out where the original’s face is.`,
  source: 'the share of such pictures',
}
