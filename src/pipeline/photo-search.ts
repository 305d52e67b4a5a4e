/** The faces of a photo, each with whether it can be given a new one. */

import { type JudgedFace, judgeFace } from '../faces/judge-face.ts'
import { type FaceSearch, searchFaces } from '../faces/search.ts'
import type { Image } from '../images/image.ts'
import { UserError } from '../util/errors.ts'

export interface PhotoSearch extends Omit<FaceSearch, 'faces'> {
  readonly faces: readonly JudgedFace[]
}

/** Searches a photo for faces and judges each, on the backend in use. */
export async function searchPhoto(photo: Image): Promise<PhotoSearch> {
  const search = await searchFaces(photo)
  return { ...search, faces: search.faces.map(judgeFace) }
}

/** A photo without a face. */
export class NoFaceError extends UserError {
  /**
   * @param search what was found instead, and in what size of photo
   * @param path of the photo, where it is known
   */
  constructor(
    readonly search: Omit<PhotoSearch, 'faces'> & { readonly width: number; readonly height: number },
    path?: string,
  ) {
    const where = path === undefined ? '' : `${path}: `
    super(`${where}expected a photo with a face, found none in it: is a face at least ${search.smallest} pixels wide?`)
  }
}
