/** What a treatment of one picture of a pair does to verification. */
import type { Definition } from './definition.ts'

export const acceptChangeDefinition: Definition = {
  id: 'accept-change',
  name: 'Change of the true accept rate',
  unit: 'share, -1..1; in tables points, hundredths of it',
  text:
    'The true accept rate of pairs of two photos of one person when one of the two was treated, as by the autoencoder, minus ' +
    'that of the same pairs untreated; both at one threshold. Its interval is of the difference pair by pair. Where no pair ' +
    'changed sides it reaches as far as Wilson’s of a share of none.',
  source: 'ISO/IEC 19795-1 for the rates; the difference of paired proportions',
}
