/** Networks that are no recognizers and that an energy may follow: what they say then is a white box's. */
export const guidingNetworks = ['landmarks', 'expression', 'age-gender', 'iris'] as const
export type GuidingNetwork = (typeof guidingNetworks)[number]
