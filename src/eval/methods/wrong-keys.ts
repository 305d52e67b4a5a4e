/** Keys that should recover nobody, made of the right one: controls of recovery. */

import { type FaceKey, wrongKey } from '../../keys/key.ts'
import { RandomStream } from '../../util/random.ts'

/** What is tried in place of the right key. */
export const controls = ['wrong-key', 'half-wrong-key', 'key-e-only', 'key-i-only', 'swapped-key'] as const
type Control = (typeof controls)[number]

/**
 * A control of a key that is made from it alone.
 * - `wrong-key`: random numbers of the same sizes
 * - `half-wrong-key`: every second embedding and a random half of the latent's numbers are the wrong key's
 * - `key-e-only`: the right embeddings with the wrong key's latent
 * - `key-i-only`: the right latent with the wrong key's embeddings
 */
export function controlKey(control: Exclude<Control, 'swapped-key'>, right: FaceKey, seed: number): FaceKey {
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
  }
}

/** `swapped-key`: the numbers of the key of another face in place of the right one's. */
export function swappedKey(right: FaceKey, { embeddings, latent }: FaceKey): FaceKey {
  return { ...right, embeddings, latent }
}
