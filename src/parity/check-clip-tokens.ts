import { clipTokenizer } from '../text/clip-tokenizer.ts'
import type { Check } from './golden.ts'

export interface ClipTokensGoldenFile {
  vocabulary: number
  /** Length of every prompt. */
  length: number
  /** A text and its token ids; the last of them repeats up to `length`. */
  prompts: [text: string, ids: number[]][]
}

/** The size of the vocabulary and every prompt, exactly. The error is the number of differences. */
export async function checkClipTokens({ vocabulary, length, prompts }: ClipTokensGoldenFile): Promise<Check[]> {
  const tokenizer = clipTokenizer()
  const differing = prompts.filter(([text, ids]) => {
    const padded = Array.from({ length }, (_, i) => ids[i] ?? ids.at(-1))
    return tokenizer.prompt(text).join() !== padded.join()
  })
  const examples = differing.slice(0, 3).map(([text]) => JSON.stringify(text))
  return [
    { what: 'vocabulary', relativeError: Math.abs(tokenizer.vocabulary - vocabulary), tolerance: 0 },
    { what: ['prompts', ...examples].join(' '), relativeError: differing.length, tolerance: 0 },
  ]
}
