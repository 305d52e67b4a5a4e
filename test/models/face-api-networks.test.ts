import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { faceApi } from '../../src/faces/face-api.ts'
import {
  type EnergyNetworks,
  energyNetworks,
  type FeatureReader,
  faceNetworks,
  runOn,
} from '../../src/faces/networks.ts'
import { weightsOf } from '../../src/models/face-api.ts'
import { usableBackends } from './backends.ts'

/** face-api's own networks: what ours have to equal. */
async function theirs() {
  const { classes, folder } = faceApi()
  const expression = new classes.FaceExpressionNet!() as FeatureReader<tf.Tensor2D>
  const ages = new classes.AgeGenderNet!() as FeatureReader<{ age: tf.Tensor1D; gender: tf.Tensor2D }>
  await Promise.all([expression.loadFromDisk(folder), ages.loadFromDisk(folder)])
  const { landmarks } = await faceNetworks()
  return {
    landmarks,
    logits: (x: tf.Tensor4D) => runOn(expression, x),
    age: (x: tf.Tensor4D) => runOn(ages, x).age,
    maleLogOdds: (x: tf.Tensor4D) => tf.matMul(runOn(ages, x).gender, tf.tensor2d([[1], [-1]])).as1D(),
  }
}

describe.each(usableBackends)('on %s', backend => {
  let ours: EnergyNetworks
  let others: Awaited<ReturnType<typeof theirs>>
  beforeAll(async () => {
    await useBackend(backend)
    ours = await energyNetworks()
    others = await theirs()
  })

  const pairs = {
    landmarks: [(x: tf.Tensor4D) => ours.landmarks(x), (x: tf.Tensor4D) => others.landmarks(x)],
    expression: [(x: tf.Tensor4D) => ours.expression(x).logits, (x: tf.Tensor4D) => others.logits(x)],
    age: [(x: tf.Tensor4D) => ours.ageGender(x).age, (x: tf.Tensor4D) => others.age(x)],
    'male log-odds': [(x: tf.Tensor4D) => ours.ageGender(x).maleLogOdds, (x: tf.Tensor4D) => others.maleLogOdds(x)],
  } as const

  it.each(Object.entries(pairs))('%s and their gradients are those of face-api', async (_name, [own, other]) => {
    const x = tf.randomUniform([2, 112, 112, 3], 0, 255, 'float32', 5) as tf.Tensor4D
    const before = tf.memory().numTensors
    const gap = async (a: tf.Tensor, b: tf.Tensor) => {
      const relative = tf.tidy(() => tf.div(tf.norm(tf.sub(a, b)), tf.norm(b)))
      const [value] = await relative.data()
      tf.dispose([a, b, relative])
      return value!
    }
    expect(
      await gap(
        tf.tidy(() => own(x)),
        tf.tidy(() => other(x)),
      ),
    ).toBeLessThan(1e-5)
    const gradient = (f: (x: tf.Tensor4D) => tf.Tensor) =>
      tf.tidy(() => tf.grad((x: tf.Tensor) => tf.sum(tf.square(f(x as tf.Tensor4D))))(x))
    // A rectifier at zero to rounding may be open in one and shut in the other.
    expect(await gap(gradient(own), gradient(other))).toBeLessThan(0.05)
    expect(tf.memory().numTensors).toBe(before)
    x.dispose()
  })
})

it('says which tensor a checkpoint lacks', () => {
  const tensors = new Map([['fc/weights', { shape: [2, 3], data: new Float32Array(6) }]])
  expect(() => weightsOf({ 'fc/weights': [2, 3], 'fc/bias': [3] }, tensors)).toThrow(
    "'fc/bias' of shape [3], found none",
  )
  expect(() => weightsOf({ 'fc/weights': [3, 3] }, tensors)).toThrow("'fc/weights' of shape [3,3], found [2,3]")
})
