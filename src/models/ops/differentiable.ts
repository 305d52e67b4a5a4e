import * as tf from '@tensorflow/tfjs'

/** For each input, what computes the loss's gradient with respect to it, in the input's shape. */
export type Gradients<Inputs> = { readonly [Name in keyof Inputs]: () => tf.Tensor }

interface Invocation {
  inputs: tf.NamedTensorMap
  forwardFunc: (backend: unknown, save: tf.GradSaveFunc) => tf.Tensor
  backwardsFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => Gradients<tf.NamedTensorMap>
}

/**
 * An operation with a gradient in closed form. As tf.customGrad, but only those gradients are computed that are asked for:
 * behind frozen weights their gradients cost as much as all the rest. tfjs's own operations are made by the same method of
 * its engine, which it keeps private.
 * @param forward gives the value, and saves what `gradients` reads; its operations are not recorded
 * @param gradients of the loss, from that with respect to the value and from what was saved, in the same order
 */
export function differentiable<Inputs extends tf.NamedTensorMap, Output extends tf.Tensor>(
  inputs: Inputs,
  forward: (save: tf.GradSaveFunc) => Output,
  gradients: (dy: Output, saved: tf.Tensor[]) => Gradients<Inputs>,
): Output {
  const engine = tf.engine() as unknown as { runKernelFunc(invocation: Invocation): tf.Tensor }
  return engine.runKernelFunc({
    inputs,
    forwardFunc: (_backend, save) => forward(save),
    backwardsFunc: gradients as Invocation['backwardsFunc'],
  }) as Output
}

/** The same values as a constant: the tape does not record this copy, so that no gradient passes through it. */
export function constant<T extends tf.Tensor>({ dataId, shape, dtype }: T): T {
  const engine = tf.engine() as unknown as { backend: { incRef(dataId: object): void } }
  engine.backend.incRef(dataId)
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype }) as T
}
