/** The parts of a face generator, stored in one checkpoint: mapping (z -> styles), latent space (latents <-> styles) and synthesis (styles -> image). */
import { type LatentSpace, latentSpace } from './latent-space.ts'
import { mapping, type Synthesis, synthesis } from './synthesis.ts'

export interface GeneratorParts {
  readonly synthesis: Synthesis
  readonly mapping: ReturnType<typeof mapping>
  readonly latentSpace: LatentSpace
}

export const generatorParts = (): GeneratorParts => ({
  synthesis: synthesis(),
  mapping: mapping(),
  latentSpace: latentSpace('latent_space'),
})
