/** Keys that should recover nobody, made of the right one: controls of recovery. */
import { RandomStream } from '../../data/random.ts'
import { type FaceKey, wrongKey } from '../../protect/key.ts'

/** What of another key each control puts in place of the right one's; `swapped` is the whole key of another face. */
export const controls = ['wrong-key', 'half-wrong-key', 'key-e-only', 'key-i-only', 'swapped-key'] as const
export type Control = (typeof controls)[number]

/**
 * A control of a key.
 * - `wrong-key`: random numbers of the same sizes
 * - `half-wrong-key`: every second embedding and a random half of the latent's numbers are the wrong key's
 * - `key-e-only`: the right embeddings with the wrong key's latent
 * - `key-i-only`: the right latent with the wrong key's embeddings
 * - `swapped-key`: the key of another face
 */
export function controlKey(control: Control, right: FaceKey, other: FaceKey, seed: number): FaceKey {
  const wrong = wrongKey(right, seed)
  switch (control) {
    case 'wrong-key':
      return wrong
    case 'half-wrong-key': {
      const [, width] = right.shapes.embeddings
      const coin = new RandomStream(seed, 'half-wrong key', right.picture, right.face)
      return {
        ...right,
        embeddings: right.embeddings.map((value, i) =>
          Math.floor(i / width) % 2 === 0 ? value : wrong.embeddings[i]!,
        ),
        latent: right.latent.map((value, i) => (coin.uniform() < 0.5 ? value : wrong.latent[i]!)),
      }
    }
    case 'key-e-only':
      return { ...right, latent: wrong.latent }
    case 'key-i-only':
      return { ...right, embeddings: wrong.embeddings }
    case 'swapped-key':
      return { ...right, embeddings: other.embeddings, latent: other.latent }
  }
}
