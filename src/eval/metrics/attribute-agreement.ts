/** Whether a classifier says of a protected face what it says of the original. */
import type { Definition } from './definition.ts'

export const agreementDefinition: Definition = {
  id: 'attribute-agreement',
  name: 'Attribute agreement',
  unit: 'share, 0..1',
  text:
    'Share of the pictures of which a named classifier gives the same most probable label (expression, gender) to the face ' +
    "in the original and in the other one, both cut out where the original's face is. It is agreement with the " +
    "classifier's own answer, not with the truth.",
  source: 'the share of equal labels',
}

export const ageDifferenceDefinition: Definition = {
  id: 'age-difference',
  name: 'Age difference',
  unit: 'years',
  text:
    'Mean absolute difference of the ages that a named network estimates of the face in the original and in the other ' +
    "picture, both cut out where the original's face is.",
  source: 'mean absolute error',
}
