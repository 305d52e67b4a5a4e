import type { Definition } from './definition.ts'

export const cosineDefinition: Definition = {
  id: 'cosine',
  name: 'Cosine similarity',
  unit: '-1..1',
  text: 'Cosine of the angle between the embeddings of two faces by a named recognizer; of many pairs, their mean.',
  source: 'the dot product of unit embeddings',
}
