import * as tf from '@tensorflow/tfjs'

/** A recorded operation, as far as is read and replaced here. */
interface Recorded {
  readonly outputs: readonly tf.Tensor[]
  readonly saved?: readonly tf.Tensor[]
  gradient?: (dys: readonly (tf.Tensor | null)[]) => unknown
}

/**
 * `f`, to be given to tf.grad and its like, such that the way back frees what it is done with: of each operation the
 * gradient that came to it and what it saved, as soon as it has passed them on. By itself tfjs holds all gradients until the
 * last, and with them everything saved. Inside of another gradient nothing is freed: that one will read it.
 */
export function freeing<Arguments extends readonly unknown[], Value extends tf.Tensor>(
  f: (...inputs: Arguments) => Value,
): (...inputs: Arguments) => Value {
  return (...inputs) => {
    const y = f(...inputs)
    const { gradientDepth, activeTape } = tf.engine().state as { gradientDepth: number; activeTape?: Recorded[] }
    if (gradientDepth !== 1) return y
    let done: (tf.Tensor | null)[] = []
    for (const operation of activeTape ?? []) {
      const { outputs, saved = [], gradient } = operation
      if (!gradient) continue
      operation.gradient = dys => {
        for (const tensor of done) tensor?.dispose()
        // What came to y itself is the caller's.
        done = [...dys.filter((_, i) => outputs[i]!.id !== y.id), ...saved]
        return gradient(dys)
      }
    }
    return y
  }
}
