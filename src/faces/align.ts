import type { Image } from '../images/image.ts'
import { invert, type Similarity, similarity } from './similarity.ts'
import { faceSize, fivePoints, type Point, template } from './template.ts'
import { warp } from './warp.ts'

/** An aligned face and the map that took it out of its photo. */
export interface AlignedFace {
  /** The face, `size` x `size`, its five points as near to the template as a similarity allows. */
  readonly face: Image
  /** Takes the photo's coordinates to the face's. */
  readonly transform: Similarity
}

/**
 * Cuts a face out of a photo, turned, scaled and shifted to the template. Outside of the photo its border is repeated.
 * @param landmarks the 68 landmarks of the face, or the five points made from them, in the photo's pixels
 * @param size side of the result
 */
export async function alignFace(photo: Image, landmarks: readonly Point[], size = faceSize): Promise<AlignedFace> {
  const points = landmarks.length === 5 ? landmarks : fivePoints(landmarks)
  const transform = similarity(points, template(size))
  return { face: warp(photo, invert(transform), size, size), transform }
}
