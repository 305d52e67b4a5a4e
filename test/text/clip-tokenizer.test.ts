import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { checkClipTokens } from '../../src/parity/check-clip.ts'
import { clipTokenizer, promptLength } from '../../src/text/clip-tokenizer.ts'
import { UserError } from '../../src/util/errors.ts'

const tokenizer = clipTokenizer()
const [start, end] = [49406, 49407]

it("gives the reference's tokens for every prompt", async () => {
  const golden = await readFile(new URL('../golden/clip-tokens.json', import.meta.url), 'utf8')
  for (const { what, relativeError } of await checkClipTokens(JSON.parse(golden))) expect(relativeError, what).toBe(0)
})

it('tells prompts that differ from the reference', async () => {
  const [vocabulary, prompts] = await checkClipTokens({
    vocabulary: 49400,
    length: promptLength,
    prompts: [
      ['a cat', [start, 320, 2368, end]],
      ['a dog', [start, 320, 2368, end]],
    ],
  })
  expect(vocabulary?.relativeError).toBe(8)
  expect(prompts).toEqual({ what: 'prompts "a dog"', relativeError: 1, tolerance: 0 })
})

describe('a prompt with a placeholder', () => {
  it('has one token where the placeholder is', () => {
    const { ids, position } = tokenizer.placeholderPrompt('a photo of S*, smiling', 'S*')
    expect(ids.slice(0, 9)).toEqual([start, 320, 1125, 539, 265, 267, 9200, end, end])
    expect(position).toBe(4)
    expect(ids).toHaveLength(promptLength)
  })

  it("is the release's for '*' alone", () => {
    const { ids, position } = tokenizer.placeholderPrompt('*', '*')
    expect(position).toBe(1)
    expect(ids).toEqual(tokenizer.prompt('*'))
  })

  it.each([
    ['a photo', 'S*', "prompt 'a photo': expected the placeholder 'S*' once, found it 0 times"],
    ['S* and S*', 'S*', 'found it 2 times'],
    ['a photo', '', 'found it 0 times'],
    [`${'ha '.repeat(75)} S*`, 'S*', 'found it at 76'],
  ])('is refused: %s', (text, placeholder, message) => {
    const mistake = () => tokenizer.placeholderPrompt(text, placeholder)
    expect(mistake).toThrow(UserError)
    expect(mistake).toThrow(message)
  })

  it('may have the placeholder in the last place', () => {
    const { ids, position } = tokenizer.placeholderPrompt(`${'ha '.repeat(74)} S* more`, 'S*')
    expect(position).toBe(75)
    expect(ids.slice(-3)).toEqual([ids[1], 265, end])
  })
})
