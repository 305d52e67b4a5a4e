import type { Definition } from './definition.ts'

export const detectionRateDefinition: Definition = {
  id: 'detection-rate',
  name: 'Detection rate',
  unit: 'share, 0..1',
  text: 'Share of the pictures in which a named detector finds a face with a score of at least 0.5.',
  source: 'the share of pictures',
}
