/** Features of whole pictures, for distances between sets of them: FID's own network, or one that npm carries. */
import * as tf from '@tensorflow/tfjs'
import { alignFfhq } from '../../faces/alignment.ts'
import type { Image } from '../../images/image.ts'
import { type FidResizeName, fidInception, fidInput } from '../../models/fid-inception.ts'
import { cropResize } from '../../models/recognizers/recognizer.ts'
import { loadWeights } from '../../weights/load.ts'
import { checksumOf } from './cache.ts'
import type { PairFeature, PictureFeature } from './feature.ts'
import { rowsOf } from './networks.ts'

/** A network for distances between sets of pictures, and how it sees them. */
export interface DistributionNetwork {
  /** As values name it: network and resize mode. */
  readonly name: string
  readonly feature: PictureFeature
}

/**
 * The Inception network of FID, on weights of the user's.
 * @param path pt_inception-2015-12-05-6726825d.pth of pytorch-fid, or another file of its tensors
 */
export function fidNetwork(path: string, resize: FidResizeName = 'pytorch-fid'): DistributionNetwork {
  return {
    name: `FID Inception-v3 (2015), resized as ${resize} does`,
    feature: pictureFeature('fid-inception', async () => {
      const network = fidInception()
      const weights = await loadWeights(path, network.parameters)
      return {
        checksum: await checksumOf([path], resize),
        embed: pictures => network(weights, fidInput(pictures, resize)),
      }
    }),
  }
}

/**
 * The Inception-v3 of nsfwjs, fine-tuned on other classes and in 8 bits: its distances compare methods with each other,
 * never with a published FID.
 */
export const npmNetwork: DistributionNetwork = {
  name: 'nsfwjs Inception-v3 (not the FID of the literature), resized bilinearly with antialiasing',
  feature: pictureFeature('nsfwjs-inception', async () => {
    const model = await loadNpmInception()
    const whole = { left: 0, top: 0, right: 1, bottom: 1 }
    return {
      checksum: 'nsfwjs-4.3.0',
      embed: pictures =>
        model.predict(tf.mul(tf.add(cropResize(pictures, whole, 299), 1), 0.5), { batchSize: 16 }) as tf.Tensor2D,
    }
  }),
}

function pictureFeature(
  name: string,
  load: () => Promise<{ checksum: string; embed: (pictures: tf.Tensor4D) => tf.Tensor2D }>,
): PictureFeature {
  return {
    name,
    of: 'picture',
    load: async () => {
      const { checksum, embed } = await load()
      return {
        checksum,
        compute: async pictures => {
          const rows: Float32Array[] = []
          for (const batch of bySize(pictures)) rows.push(...(await rowsOf(batch, embed)))
          return rows
        },
      }
    },
  }
}

/** Runs of pictures of one size, in their order. */
function bySize(pictures: readonly Image[]): Image[][] {
  const runs: Image[][] = []
  for (const picture of pictures) {
    const run = runs.at(-1)
    if (run && run[0]!.width === picture.width && run[0]!.height === picture.height) run.push(picture)
    else runs.push([picture])
  }
  return runs
}

/** nsfwjs' network up to its last pooling: [n, 299, 299, 3] in 0..1 -> [n, 2048]. */
async function loadNpmInception(): Promise<tf.LayersModel> {
  const { InceptionV3Model } = await import('nsfwjs/models/inception_v3')
  const { modelTopology, weightsManifest } = contentOf(await InceptionV3Model.modelJson())
  const bundles = await Promise.all(InceptionV3Model.weightBundles.map(async load => contentOf(await load())))
  const weightData = Uint8Array.from(Buffer.concat(bundles.map(bundle => Buffer.from(bundle, 'base64')))).buffer
  const weightSpecs = weightsManifest.flatMap((group: { weights: tf.io.WeightsManifestEntry[] }) => group.weights)
  const model = await tf.loadLayersModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) })
  return tf.model({ inputs: model.inputs, outputs: model.getLayer('flatten_1').output })
}

/** What a CommonJS file of the package exports. */
// biome-ignore lint/suspicious/noExplicitAny: the package gives its bundles no types
function contentOf(module: any): any {
  return module.default ?? module
}

// Features that a network for distances between sets makes of faces alone, cut out of their photos.

/** Side of the FFHQ square. */
const side = 256

const features = new WeakMap<DistributionNetwork, PairFeature>()

/** A row: features of the original's face, then of the version's at the same place; empty where no face is known. */
export function faceCrops(network: DistributionNetwork): PairFeature {
  const known = features.get(network)
  if (known) return known
  const feature: PairFeature = {
    name: `crops-${network.feature.name}`,
    of: 'pair',
    load: async () => {
      const { checksum, compute } = await network.feature.load()
      return {
        checksum,
        compute: async pairs => {
          const faces = pairs.flatMap(({ original, version, landmarks }) =>
            landmarks ? [original, version].map(picture => alignFfhq(picture, landmarks, side).face) : [],
          )
          const rows = faces.length > 0 ? await compute(faces) : []
          let next = 0
          return pairs.map(({ landmarks }) => {
            if (!landmarks) return new Float32Array()
            return Float32Array.from([...rows[next++]!, ...rows[next++]!])
          })
        },
      }
    },
  }
  features.set(network, feature)
  return feature
}
