/** A generator of faces: z to styles, latents to styles and back, and styles to pictures, under one set of prefixed weights. */
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
