/** What is computed once of a picture, of its aligned face, or of a picture and its original, and kept by content. */

import type { Point } from '../../faces/template.ts'
import type { Similarity } from '../../faces/warp.ts'
import type { Image } from '../../images/image.ts'

/** Whose landmarks a face is cut out by: its own, or those of the original that it was made from. */
export type Alignment = 'own' | 'original'

/** A version of a picture beside the original, or two samples of a version, the later one as `version`. */
export interface PicturePair {
  readonly original: Image
  readonly version: Image
  /** Takes the original's coordinates to those of its aligned face of `faceSize`. */
  readonly place: Similarity
  /** The 68 landmarks of the original's face, in its pixels; none where an aligned original is taken for a face unseen. */
  readonly landmarks?: readonly Point[]
}

/** A feature, its networks loaded. */
export interface LoadedFeature<Input> {
  /** Of the weights and of whatever else the numbers depend on: another one is another feature on disk. */
  readonly checksum: string
  /** One row of numbers for each input; rows may differ in length. */
  compute(inputs: readonly Input[]): Promise<Float32Array[]>
}

export interface FeatureOf<Of extends string, Input> {
  /** Also names its file in the cache. */
  readonly name: string
  readonly of: Of
  load(): Promise<LoadedFeature<Input>>
}

/** Of whole pictures. */
export type PictureFeature = FeatureOf<'picture', Image>

/** Of aligned faces, `faceSize` x `faceSize`, cut out in one way or in both. */
export type FaceFeature = FeatureOf<'face', Image> & { readonly alignments: readonly Alignment[] }

/** Of versions and their originals, where a face was found in the original; and of the samples of a version, where it says so. */
export type PairFeature = FeatureOf<'pair', PicturePair> & { readonly amongSamples?: boolean }

export type Feature = PictureFeature | FaceFeature | PairFeature
