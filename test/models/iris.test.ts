import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { energyNetworks } from '../../src/faces/networks.ts'
import { packageFolder } from '../../src/util/paths.ts'
import { usableBackends } from './backends.ts'

/** The published graph. On `tensorflow`, tfjs-node cannot run its convolutions with a fused PReLU. */
async function graph(): Promise<tf.GraphModel> {
  const folder = join(packageFolder('@vladmandic/human'), 'models')
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(folder, 'iris.json'), 'utf8'))
  const { buffer, byteOffset, byteLength } = readFileSync(join(folder, 'iris.bin'))
  const weightData = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
  const weightSpecs = weightsManifest[0].weights
  return tf.loadGraphModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }))
}

it('points and their gradients are those of the published graph, on every backend', async () => {
  await useBackend('wasm')
  const published = await graph()
  const pixels = tf.randomUniform([2, 64, 64, 3], 0, 1, 'float32', 3).arraySync() as number[][][][]
  const input = () => tf.tensor4d(pixels)
  const theirs = (x: tf.Tensor) =>
    tf.slice(tf.reshape(published.execute(x) as tf.Tensor, [2, 76, 3]), [0, 0, 0], [-1, -1, 2])
  const known = {
    points: theirs(input()).arraySync(),
    gradient: tf
      .grad(x => tf.sum(tf.square(tf.sub(theirs(x), 32))))(input())
      .arraySync(),
  }
  for (const backend of usableBackends) {
    await useBackend(backend)
    const { iris } = await energyNetworks()
    const x = input()
    const before = tf.memory().numTensors
    const ours = (x: tf.Tensor) => {
      const { contour, iris: points } = iris(x as tf.Tensor4D)
      return tf.concat([contour, points], 1)
    }
    const points = tf.tidy(() => ours(x))
    const gradient = tf.tidy(() => tf.grad(x => tf.sum(tf.square(tf.sub(ours(x), 32))))(x))
    const apart = (a: tf.Tensor, b: tf.TensorLike) =>
      tf.tidy(() => tf.div(tf.norm(tf.sub(a, b)), tf.norm(tf.tensor(b))).arraySync() as number)
    expect(apart(points, known.points)).toBeLessThan(1e-5)
    expect(apart(gradient, known.gradient)).toBeLessThan(1e-2)
    tf.dispose([points, gradient])
    expect(tf.memory().numTensors).toBe(before)
  }
})
