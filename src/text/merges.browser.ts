/** A browser has no vocabulary of CLIP: models that it opens say their prompts in token ids. @see merges.ts */
import { UserError } from '../util/errors.ts'

export function readMerges(): string[] {
  throw new UserError('expected a model whose prompt is in token ids, found one in words: use faces-1024')
}
