import * as tf from '@tensorflow/tfjs'
import { clipImage, clipText } from '../models/clip.ts'
import { clipCrop } from '../models/clip-pixels.ts'
import { clipTokenizer } from '../text/clip-tokenizer.ts'
import { type Check, checkOver, compare, type GoldenFile, type GoldenInput, imageInput, input } from './golden.ts'
import { proceduralPicture } from './procedural.ts'

interface TransformerGoldenConfig {
  hidden_size: number
  intermediate_size: number
  num_hidden_layers: number
  num_attention_heads: number
}

export interface VisionGoldenConfig extends TransformerGoldenConfig {
  image_size: number
  patch_size: number
}

export interface TextGoldenConfig extends TransformerGoldenConfig {
  vocab_size: number
  max_position_embeddings: number
}

const transformer = (config: TransformerGoldenConfig) => ({
  width: config.hidden_size,
  innerWidth: config.intermediate_size,
  layers: config.num_hidden_layers,
  heads: config.num_attention_heads,
})

export const goldenVision = (config: VisionGoldenConfig) =>
  clipImage({ ...transformer(config), imageSize: config.image_size, patchSize: config.patch_size })

export const goldenText = (config: TextGoldenConfig) =>
  clipText({ ...transformer(config), vocabulary: config.vocab_size, positions: config.max_position_embeddings })

/** The hidden states that the file lists, and the pooled feature. */
export async function checkClipVision(golden: GoldenFile<VisionGoldenConfig>): Promise<Check[]> {
  const network = goldenVision(golden.config)
  return checkOver(network.parameters, golden.parameters, async weights => {
    const checks: Check[] = []
    const pixels = imageInput(golden.inputs.pixels as GoldenInput)
    const { hiddenStates, pooled } = network(weights, pixels)
    for (const [name, expected] of Object.entries(golden.outputs)) {
      const actual = name === 'pooled' ? pooled : hiddenStates[Number(name.replace('hidden_state_', ''))]
      if (!actual) throw new Error(`clip-vision: no output '${name}'`)
      checks.push(await compare(name, actual.clone(), expected))
    }
    tf.dispose([pixels, hiddenStates, pooled])
    return checks
  })
}

/** The last state of a plain prompt and of one with a replaced token, and the gradient with respect to the latter. */
export async function checkClipText(golden: GoldenFile<TextGoldenConfig>): Promise<Check[]> {
  const { inputs, outputs, gradients = {} } = golden
  const network = goldenText(golden.config)
  return checkOver(network.parameters, golden.parameters, async weights => {
    const ids = inputs.token_ids as number[][]
    const position = inputs.inject_position as number
    const vector = input<tf.Tensor1D>(inputs.inject as GoldenInput)
    const cotangent = input<tf.Tensor3D>(inputs.cotangent as GoldenInput)

    const plain = network(weights, ids)
    const { value, grad } = tf.valueAndGrad(v =>
      network(weights, ids, { position, vectors: tf.reshape(v, [1, -1]) as tf.Tensor2D }),
    )(vector, cotangent)
    const checks = [
      await compare('plain', plain, outputs.plain),
      await compare('injected', value, outputs.injected),
      await compare('d/dinject', grad, gradients.inject),
    ]
    tf.dispose([vector, cotangent])
    return checks
  })
}

export interface ClipPixelsGoldenFile {
  /** Side of the prepared pictures. */
  size: number
  pictures: {
    name: string
    width: number
    height: number
    /** `bytes` holds every so-manieth value of the prepared picture, [size, size, 3]. */
    step: number
    /** Base64. */
    bytes: string
  }[]
}

/** The largest difference of each prepared picture, in grey levels. */
export async function checkClipPixels({ size, pictures }: ClipPixelsGoldenFile): Promise<Check[]> {
  const checks: Check[] = []
  for (const { name, width, height, step, bytes } of pictures) {
    const prepared = await preparedBytes(proceduralPicture(name, width, height), width, height, size)
    const expected = Buffer.from(bytes, 'base64')
    const what = `${width} x ${height}, grey levels`
    checks.push({ what, relativeError: largestDifference(prepared, expected, step), tolerance: 1 })
  }
  return checks
}

/** A picture [h, w, 3] of 0..255 as CLIP wants it before normalisation, rounded to grey levels. */
export async function preparedBytes(
  picture: Uint8Array,
  width: number,
  height: number,
  size: number,
): Promise<Uint8Array> {
  const prepared = tf.tidy(() => {
    const x = tf.sub(tf.div(tf.tensor4d(Float32Array.from(picture), [1, height, width, 3]), 127.5), 1)
    return tf.round(tf.mul(tf.add(clipCrop(x as tf.Tensor4D, size), 1), 127.5))
  })
  const values = await prepared.data()
  prepared.dispose()
  return Uint8Array.from(values)
}

/** The largest |actual[step i] - expected[i]|; infinite when there are more or fewer. */
export function largestDifference(actual: Uint8Array, expected: Uint8Array, step = 1): number {
  if (Math.ceil(actual.length / step) !== expected.length) return Number.POSITIVE_INFINITY
  return expected.reduce((largest, value, i) => Math.max(largest, Math.abs(actual[i * step]! - value)), 0)
}

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
