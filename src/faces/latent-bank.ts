/**
 * A bank of generated faces with what can be said of them: the latents of the generated face most like a photo are where its
 * inversion starts, and being one style for all rows they lie where the generator draws photographs.
 */

import * as tf from '@tensorflow/tfjs'
import { repositoryPath } from '#paths'
import type { AgeGender } from '../models/face-api.ts'
import { spreadRows } from '../models/generator/latent-space.ts'
import { resample } from '../models/ops/resample.ts'
import { bilinear, cropResize, type Rectangle } from '../models/recognizers/recognizer.ts'
import { once, oncePer } from '../util/memoize.ts'
import { readTensors } from '../weights/open.ts'
import { type FacialAttributeClassifier, facialAttributes, loadFacialAttributes } from './facial-attributes.ts'
import { type EnergyNetworks, energyNetworks } from './networks.ts'
import { loadRecognizer } from './recognizers.ts'

export const latentBankPath = () => repositoryPath('assets/latent-bank.safetensors')

/** What the networks look at in faces of FFHQ's alignment: from brows to chin and from ear to ear. */
const faceRectangle: Rectangle = { left: 0.17, top: 0.22, right: 0.83, bottom: 0.88 }
/** The eyes within it, and the grid on which their pattern is compared: enough to tell glasses, shut eyes and deep shadows. */
const eyeRectangle: Rectangle = { left: 0.08, top: 0.24, right: 0.92, bottom: 0.54 }
const eyeGrid = { width: 32, height: 11 }
/** Side of the networks' input, and of the picture whose colours are compared. */
const [inputSide, colourSide] = [112, 12]

/**
 * How much a unit of each part counts, squared: a landmark's shift by the crop's side, a colour of 0..1, a year, a probability, and
 * a pattern of length 1.
 */
const weights = {
  landmarks: 16,
  colours: 0.35,
  age: 0.07,
  sex: 5,
  expression: 3,
  eyes: 1.3,
  glasses: 5,
  beard: 1,
  ethnicity: 6,
}
/** Log-odds from which a photo shows glasses or a beard rather than not: wrinkles raise them. */
const thresholds = { glasses: 0.5, beard: -0.5 }

/** What faces are described by. */
export interface FaceDescriber {
  readonly networks: EnergyNetworks
  readonly attributes: FacialAttributeClassifier
  readonly ethnicity: EthnicityClassifier
}

/** The project's, on the backend in use. @throws UserError when weights are absent */
export async function loadFaceDescriber(): Promise<FaceDescriber> {
  return {
    networks: await energyNetworks(),
    attributes: await loadFacialAttributes(),
    ethnicity: await loadEthnicityClassifier(),
  }
}

/**
 * What faces are compared by: Euclidean distance between descriptors adds landmarks, blurred colours, age, sex, expression, the
 * pattern of light and dark around the eyes, glasses, beards and apparent ethnicity, and not who is shown.
 * @param faces [n, s, s, 3] in [-1, 1], in FFHQ alignment
 * @returns [n, 936]
 */
export function describeFaces({ networks, attributes, ethnicity }: FaceDescriber, faces: tf.Tensor4D): tf.Tensor2D {
  return tf.tidy(() => {
    const x = faceOf(faces)
    const { age, maleLogOdds } = networks.ageGender(x)
    const logOdds = attributes(faces)
    const colours = tf.div(cropResize(x, { left: 0, top: 0, right: 1, bottom: 1 }, colourSide), 255)
    const column = (values: tf.Tensor1D) => tf.reshape(values, [-1, 1])
    return tf.concat(
      [
        tf.mul(networks.landmarks(x), weights.landmarks),
        tf.mul(tf.reshape(colours, [faces.shape[0], -1]), weights.colours),
        tf.mul(column(age), weights.age),
        tf.mul(column(tf.sigmoid(maleLogOdds)), weights.sex),
        tf.mul(tf.softmax(networks.expression(x).logits), weights.expression),
        tf.mul(eyePattern(x), weights.eyes),
        ...(['glasses', 'beard'] as const).map(attribute => {
          const column = tf.slice(logOdds, [0, facialAttributes.indexOf(attribute)], [-1, 1])
          return tf.mul(tf.sigmoid(tf.mul(tf.sub(column, thresholds[attribute]), 2)), weights[attribute])
        }),
        tf.mul(ethnicity(faces), weights.ethnicity),
      ],
      1,
    ) as tf.Tensor2D
  })
}

/** Ages in years and log-odds of male faces, [n] each, of faces as `describeFaces` takes them. */
export function readAges({ networks }: FaceDescriber, faces: tf.Tensor4D): AgeGender {
  return networks.ageGender(faceOf(faces))
}

/** What the networks look at, [n, 112, 112, 3] in 0..255. */
function faceOf(faces: tf.Tensor4D): tf.Tensor4D {
  return tf.mul(tf.add(cropResize(faces, faceRectangle, inputSide), 1), 127.5) as tf.Tensor4D
}

/** Luminance around the eyes of mean 0 and length 1, whatever its brightness and contrast: [n, 112, 112, 3] -> [n, 352]. */
function eyePattern(x: tf.Tensor4D): tf.Tensor2D {
  const { left, top, right, bottom } = eyeRectangle
  const { width, height } = eyeGrid
  const band = resample(x, bilinear(inputSide, top, bottom, height), bilinear(inputSide, left, right, width))
  const grey = tf.reshape(tf.mean(band, 3), [-1, width * height])
  const centred = tf.sub(grey, tf.mean(grey, 1, true))
  return tf.div(centred, tf.add(tf.norm(centred, 2, 1, true), 1)) as tf.Tensor2D
}

/** Cells of the colours' grid: over the brows, beside the cheeks, and over nose and cheeks, where there is nearly always skin. */
const cells = {
  forehead: [0, 1].flatMap(y => [3, 4, 5, 6, 7, 8].map(x => 12 * y + x)),
  sides: [5, 6, 7, 8].flatMap(y => [2, 9].map(x => 12 * y + x)),
  skin: [6, 7, 8].flatMap(y => [3, 4, 5, 6, 7, 8].map(x => 12 * y + x)),
}
/** Mean distance of the logarithms of colours that forehead and sides may have to the skin's. */
const bareLimits = { forehead: 0.25, sides: 0.4 }

/** Whether forehead and sides of a described face [936] are coloured like its skin: neither hair, hat nor hand covers them. */
export function isBareFace(descriptor: Float32Array): boolean {
  const colour = (cell: number, c: number) => Math.log(descriptor[2 * 68 + 3 * cell + c]! / weights.colours + 0.05)
  const median = (values: readonly number[]) => values.toSorted((p, q) => p - q)[Math.floor(values.length / 2)]!
  const skin = [0, 1, 2].map(c => median(cells.skin.map(cell => colour(cell, c))))
  return (['forehead', 'sides'] as const).every(part => {
    const distances = cells[part].flatMap(cell => skin.map((value, c) => Math.abs(colour(cell, c) - value)))
    return distances.reduce((sum, distance) => sum + distance, 0) / distances.length < bareLimits[part]
  })
}

/** Descriptors by their principal components: what they differ by, in few numbers. */
export interface DescriptorBasis {
  /** [d] */
  readonly mean: tf.Tensor1D
  /** Orthonormal rows [k, d]. */
  readonly components: tf.Tensor2D
}

/** Descriptors [n, d] -> [n, k]; distances stay what they were but for what the basis leaves out. */
export function projectDescriptors({ mean, components }: DescriptorBasis, descriptors: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => tf.matMul(tf.sub(descriptors, mean) as tf.Tensor2D, components, false, true))
}

export interface LatentBank {
  /** Descriptors [n, 936] of faces -> latents in P_N space of the `count` nearest to each, [n * count, 16, 1, 512]. */
  nearest(descriptors: tf.Tensor2D, count?: number): tf.Tensor4D
}

/** Over latents [m, 512] and their faces' descriptors in the basis [m, k]. */
export function latentBank(
  latents: tf.Tensor2D,
  descriptors: tf.Tensor2D,
  basis: DescriptorBasis,
  groups: readonly number[],
): LatentBank {
  const squares = tf.keep(tf.sum(tf.square(descriptors), 1))
  return {
    nearest: (wanted, count = 1) =>
      tf.tidy(() => {
        const projected = projectDescriptors(basis, wanted)
        // |p - q|^2 but for |p|^2
        const closeness = tf.sub(tf.mul(tf.matMul(projected, descriptors, false, true), 2), squares)
        const chosen = tf.gather(latents, tf.reshape(tf.topk(closeness, count).indices, [-1]))
        const rows = tf.reshape(chosen, [-1, 1, 1, latents.shape[1]])
        return spreadRows(tf.tile(rows, [1, groups.length, 1, 1]), groups)
      }),
  }
}

/** The project's bank. @throws UserError when its file is absent */
export const loadLatentBank = once(async () => {
  const tensors = await readTensors(latentBankPath())
  const tensor = (name: string) => {
    const { shape, data } = tensors.get(name)!
    return tf.keep(tf.tensor(data, shape))
  }
  return (groups: readonly number[]) =>
    latentBank(
      tensor('latents') as tf.Tensor2D,
      tensor('descriptors') as tf.Tensor2D,
      { mean: tensor('mean') as tf.Tensor1D, components: tensor('components') as tf.Tensor2D },
      groups,
    )
})

// What a face looks like by the five labels of UTKFace, so that a generated face looks of the same origin as the original: a linear
// classifier of faceres's embedding (scripts/fit-apparent-ethnicity.ts). It says how people label pictures, not who anybody is.

export const apparentEthnicityPath = () => repositoryPath('assets/apparent-ethnicity.safetensors')

/** UTKFace's labels, by number. */
export const ethnicities = ['white', 'black', 'asian', 'indian', 'other'] as const

/** What UTKFace's crops show of a face in FFHQ's alignment. */
const chip: Rectangle = { left: 0.17, top: 0.22, right: 0.83, bottom: 0.88 }
/** Side in pixels of the faces that faceres is given. */
export const chipSide = 128

/** Faces [n, s, s, 3] in [-1, 1], in FFHQ alignment -> probabilities [n, 5] of the labels. */
export type EthnicityClassifier = (faces: tf.Tensor4D) => tf.Tensor2D

const loadOn = oncePer(async (_backend: string): Promise<EthnicityClassifier> => {
  const [tensors, { embed }] = await Promise.all([readTensors(apparentEthnicityPath()), loadRecognizer('faceres')])
  const keep = (name: string) => {
    const { data, shape } = tensors.get(name)!
    return tf.keep(tf.tensor(data, shape))
  }
  const [weights, bias] = [keep('weight') as tf.Tensor2D, keep('bias')]
  return faces =>
    tf.tidy(() => {
      const logits = tf.add(tf.matMul(embed(cropResize(faces, chip, chipSide)), weights), bias)
      return tf.softmax(logits) as tf.Tensor2D
    })
})

/** The project's classifier on the backend in use, read once a backend. @throws UserError when weights are absent */
export function loadEthnicityClassifier(): Promise<EthnicityClassifier> {
  return loadOn(tf.getBackend())
}
