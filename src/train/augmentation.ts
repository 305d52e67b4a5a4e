/**
 * Photos as cameras and files leave them, made of clean faces: an encoder trained on generated faces alone would read latents
 * out of what photos do not have.
 */
import * as tf from '@tensorflow/tfjs'
import { bilinearBetween, type Matrix, resample } from '../models/ops/resample.ts'
import { bilinear } from '../models/recognizers/recognizer.ts'
import { normal, RandomStream } from '../util/random.ts'

/** Greatest shift, as a share of the side; greatest change of scale; and of contrast, brightness and each colour. */
const limits = { shift: 0.015, zoom: 0.02, contrast: 0.2, brightness: 0.12, tint: 0.08, noise: 0.06 } as const

/**
 * Faces moved by a pixel or two, tinted, and, some of them, as from fewer pixels, compressed like JPEG, or noisy: each face in
 * its own way.
 * @param faces [n, s, s, 3] in [-1, 1], s a multiple of 8
 * @param key what they are for: with `seed`, the same key gives the same faces
 * @returns [n, s, s, 3] in [-1, 1]
 */
export function degrade(faces: tf.Tensor4D, seed: number, ...key: readonly (string | number)[]): tf.Tensor4D {
  return tf.tidy(() => {
    const parts = tf.split(faces, faces.shape[0]).map((face, i) => {
      const random = new RandomStream(seed, 'degrade', ...key, i)
      const [moved, tinted, coarse, compressed, noisy] = [move, tint, lowerResolution, compress, addNoise]
      let x = tinted(moved(face as tf.Tensor4D, random), random)
      if (random.uniform() < 0.5) x = coarse(x, random)
      if (random.uniform() < 0.4) x = compressed(x, random)
      if (random.uniform() < 0.5) x = noisy(x, random)
      return tf.clipByValue(x, -1, 1)
    })
    return tf.concat(parts) as tf.Tensor4D
  })
}

/** A number between -limit and limit. */
const around = (random: RandomStream, limit: number) => limit * (2 * random.uniform() - 1)

function move(face: tf.Tensor4D, random: RandomStream): tf.Tensor4D {
  const side = face.shape[1]
  const zoom = 1 + around(random, limits.zoom)
  const axis = (): Matrix => {
    const middle = (side - 1) / 2 + around(random, limits.shift * side)
    const half = (zoom * (side - 1)) / 2
    return bilinearBetween(side, side, middle - half, middle + half)
  }
  return resample(face, axis(), axis())
}

function tint(face: tf.Tensor4D, random: RandomStream): tf.Tensor4D {
  const contrast = 1 + around(random, limits.contrast)
  const brightness = around(random, limits.brightness)
  const gains = [0, 1, 2].map(() => contrast * (1 + around(random, limits.tint)))
  return tf.add(tf.mul(face, tf.tensor1d(gains)), brightness)
}

/** As from a quarter of the pixels a side, or more. */
function lowerResolution(face: tf.Tensor4D, random: RandomStream): tf.Tensor4D {
  const side = face.shape[1]
  const fewer = Math.round(side * (0.25 + 0.75 * random.uniform()))
  const [down, up] = [bilinear(side, 0, 1, fewer), bilinear(fewer, 0, 1, side)]
  return resample(resample(face, down, down), up, up)
}

function addNoise(face: tf.Tensor4D, random: RandomStream): tf.Tensor4D {
  const deviation = limits.noise * random.uniform()
  return tf.add(face, tf.mul(deviation, normal(face.shape, random.integer(2 ** 31), 'noise')))
}

/** Cosine coefficients of blocks of 8 x 8 pixels rounded, the more coarsely the higher their frequencies, as in JPEG. */
function compress(face: tf.Tensor4D, random: RandomStream): tf.Tensor4D {
  const side = face.shape[1]
  const [forward, backward] = [cosines(side, false), cosines(side, true)]
  const step = 0.02 + 0.06 * random.uniform()
  const steps = tf.tensor(
    Float32Array.from({ length: side * side }, (_, i) => step * (1 + ((i % side) % 8) + (Math.floor(i / side) % 8))),
    [1, side, side, 1],
  )
  const coefficients = resample(face, forward, forward)
  return resample(tf.mul(tf.round(tf.div(coefficients, steps)), steps) as tf.Tensor4D, backward, backward)
}

/** The orthonormal cosine transform (DCT-II) of blocks of 8 along an axis, or its inverse. */
function cosines(side: number, inverse: boolean): Matrix {
  const values = new Float32Array(side * side)
  for (let block = 0; block < side; block += 8)
    for (let k = 0; k < 8; k++)
      for (let x = 0; x < 8; x++) {
        const value = Math.sqrt((k > 0 ? 2 : 1) / 8) * Math.cos((Math.PI * (2 * x + 1) * k) / 16)
        values[inverse ? (block + x) * side + block + k : (block + k) * side + block + x] = value
      }
  return { inputs: side, outputs: side, values }
}

// Augmentation: faces stretched, moved and tinted at random. A few thousand people are soon memorised, and recognizers embed
// augmented faces differently.

/**
 * An augmented view of each face, of the same shape: a crop of at least 1 - `variation` of its width and of its height, sampled
 * independently and resized to the whole picture (bilinear). Each colour's distance from grey is scaled by 1 - variation..1 + variation.
 * @param faces [n, s, s, 3] in [-1, 1]
 * @param variation 0..1; 0 leaves the faces as they are
 * @param key what the views are for: with `seed`, the same key gives the same views
 * @returns [n, s, s, 3] in [-1, 1]
 */
export function randomViews(
  faces: tf.Tensor4D,
  variation: number,
  seed: number,
  ...key: readonly (string | number)[]
): tf.Tensor4D {
  const [n, height, width] = faces.shape
  const random = new RandomStream(seed, 'views', ...key)
  const part = (size: number) => {
    const left = (size - 1) * variation * random.uniform()
    const first = left * random.uniform()
    return bilinearBetween(size, size, first, first + size - 1 - left)
  }
  return tf.tidy(() => {
    const views = tf.split(faces, n).map(face => {
      const stretched = resample(face as tf.Tensor4D, part(height), part(width))
      return tf.mul(stretched, tf.tensor1d([0, 1, 2].map(() => 1 + variation * (2 * random.uniform() - 1))))
    })
    return tf.clipByValue(tf.concat(views), -1, 1) as tf.Tensor4D
  })
}
