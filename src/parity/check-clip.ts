import * as tf from '@tensorflow/tfjs'
import { clipImage } from '../models/clip-image.ts'
import { clipText } from '../models/clip-text.ts'
import { type Check, checkOver, compare, type GoldenFile, type GoldenInput, imageInput, input } from './golden.ts'

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
