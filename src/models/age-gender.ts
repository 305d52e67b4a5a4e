/** face-api's AgeGenderNet, a small Xception (Chollet, arXiv 1610.02357), in operations that differentiate on every backend. */
import * as tf from '@tensorflow/tfjs'
import { define, type Module, type Weights } from './module.ts'
import { relu } from './ops/relu.ts'
import { dense, normalized, plainConv, separableConv } from './separable.ts'

/** What AgeGenderNet makes of faces: judgements, not facts. */
export interface AgeGender {
  /** In years, [n]. */
  readonly age: tf.Tensor1D
  /** Logit of male minus logit of female, [n]: the log-odds of a male face. */
  readonly maleLogOdds: tf.Tensor1D
}

/** Two separable convolutions and a max-pool beside a strided pointwise shortcut: half the size. */
function reductionBlock(
  name: string,
  inputs: number,
  outputs: number,
  activate = true,
): Module<[tf.Tensor4D], tf.Tensor4D> {
  const conv0 = separableConv(`${name}/separable_conv0`, inputs, outputs)
  const conv1 = separableConv(`${name}/separable_conv1`, outputs, outputs)
  const expansion = plainConv(`${name}/expansion_conv`, 1, inputs, outputs, 2)
  return define([conv0, conv1, expansion], (w, x) => {
    const branch = conv1(w, relu(conv0(w, activate ? relu(x) : x)))
    return tf.add(tf.maxPool(branch, 3, 2, 'same'), expansion(w, x))
  })
}

/** x + three separable convolutions, each after a relu. */
function mainBlock(name: string, channels: number): Module<[tf.Tensor4D], tf.Tensor4D> {
  const convs = [0, 1, 2].map(i => separableConv(`${name}/separable_conv${i}`, channels, channels))
  return define(convs, (w, x) =>
    tf.add(
      convs.reduce((y, conv) => conv(w, relu(y)), x),
      x,
    ),
  )
}

/** The network: faces [n, 112, 112, 3] in 0..255 -> age [n, 1] and logits of male and female [n, 2]. */
export function ageGenderNet(): Module<[tf.Tensor4D], { age: tf.Tensor2D; gender: tf.Tensor2D }> {
  const entry = plainConv('entry_flow/conv_in', 3, 3, 32, 2) // 56 x 56
  const blocks = [
    reductionBlock('entry_flow/reduction_block_0', 32, 64, false), // 28 x 28
    reductionBlock('entry_flow/reduction_block_1', 64, 128), // 14 x 14
    mainBlock('middle_flow/main_block_0', 128),
    mainBlock('middle_flow/main_block_1', 128),
    reductionBlock('exit_flow/reduction_block', 128, 256), // 7 x 7
  ]
  const last = separableConv('exit_flow/separable_conv', 256, 512)
  const [age, gender] = [dense('fc/age', 512, 1), dense('fc/gender', 512, 2)]
  return define([entry, ...blocks, last, age, gender], (w, x) => {
    const y = blocks.reduce((y, block) => block(w, y), entry(w, normalized(x), { relu: true }))
    const features = tf.mean(relu(last(w, y)), [1, 2]) as tf.Tensor2D
    return { age: age(w, features), gender: gender(w, features) }
  })
}

/** AgeGenderNet over its weights: [n, 112, 112, 3] in 0..255 -> age and log-odds. */
export function ageGender(weights: Weights): (x: tf.Tensor4D) => AgeGender {
  const net = ageGenderNet()
  return x =>
    tf.tidy(() => {
      const { age, gender } = net(weights, x)
      const [male, female] = tf.split(gender, 2, 1)
      return {
        age: tf.reshape(age, [-1]) as tf.Tensor1D,
        maleLogOdds: tf.reshape(tf.sub(male!, female!), [-1]) as tf.Tensor1D,
      }
    })
}
